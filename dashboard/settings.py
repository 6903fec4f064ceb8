"""What can be set about the dashboard: where it listens, and how long a session lasts."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

HIGHEST_PORT = 65_535
NAME = re.compile(r"[A-Za-z_-]")
"""What no address of IPv4 has in it."""

ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?")


def _is_machine(given: str) -> str:
    if given:
        try:
            ip_address(given)
        except ValueError:
            raise ValueError("write the one IP address that the proxy connects from") from None
    return given


def _is_address(given: str) -> str:
    if given and not ADDRESS.fullmatch(given):
        raise ValueError("write it as https://peil.example.org, without a path")
    return given


def _is_door(given: str) -> str:
    host, _, port = given.rpartition(":")
    if not 1 <= int(port) <= HIGHEST_PORT:
        raise ValueError(f"the port lies between 1 and {HIGHEST_PORT}")
    bare = host.strip("[]")
    if bare != host or not NAME.search(host):
        try:
            ip_address(bare)
        except ValueError:
            raise ValueError(
                f"{bare} is no IP address: write it as 127.0.0.1:8300 or [::1]:8300"
            ) from None
    return given


class DashboardSettings(BaseModel):
    """Section `[dashboard]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Annotated[str, AfterValidator(_is_door)] = Field(
        default="127.0.0.1:8300",
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$",
        description="Where the dashboard listens. Elsewhere than on 127.0.0.1 it needs `address`, "
        "and a certificate or a named proxy.",
    )
    certificate_file: str = Field(
        default="", description="The certificate with which it speaks TLS itself, and its chain."
    )
    key_file: str = Field(default="", description="The private key of that certificate.")
    proxy: Annotated[str, AfterValidator(_is_machine)] = Field(
        default="",
        description="The IP address of the one proxy that speaks TLS before it; nobody else is "
        "answered then, and what it says of the client is believed.",
    )
    address: Annotated[str, AfterValidator(_is_address)] = Field(
        default="",
        description="What people type, as `https://peil.example.org`; a request for another host "
        "is refused.",
    )
    idle_minutes: int = Field(
        default=30, ge=1, le=480, description="A session ends when nothing was asked for so long."
    )
    session_hours: int = Field(
        default=12, ge=1, le=24, description="A session ends so long after it began."
    )
    language: Literal["nl", "en"] = Field(
        default="nl", description="The language of pages until a reader chooses the other one."
    )
    purpose_titles: Mapping[Literal["nl", "en"], str] = Field(
        default={},
        description="What pages call the `purpose` of the folder, by language, as "
        '`{ nl = "…" }`; the access log has the purpose itself.',
    )
    refresh_seconds: float = Field(
        default=30.0,
        ge=5,
        le=45,
        description="So often a dashboard looks for what is new; between two looks every page "
        "shows the same. More than 45 would read as a dashboard that hangs.",
    )
    requests_a_minute: int = Field(
        default=600,
        ge=10,
        description="So many requests a session may make in a minute; an address ten times as "
        "many, because an office may share one.",
    )
    body_bytes: int = Field(
        default=1_000_000, ge=10_000, description="A larger request is refused."
    )
