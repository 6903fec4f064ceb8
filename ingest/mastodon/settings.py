"""What a source of Mastodon servers is told: which gave permission, and what is read there."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ingest.sources import checked_path
from ingest.web.addresses import checked_address

ADDRESS = re.compile(
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?|http://(127\.0\.0\.1|localhost)(:\d{1,5})?"
)
WORD = re.compile(r"[^\s#/?&]+")
VARIABLE = re.compile(r"MASTODON_TOKEN[A-Z0-9_]*")
OTHERS = 4
"""A server looks at so many other tags and silently leaves out the rest (Mastodon's
`app/models/tag_feed.rb`).
"""


def _address(given: str) -> str:
    if not ADDRESS.fullmatch(given):
        raise ValueError("write the address of a server as https://host, without a path")
    return checked_address(given)


def _word(given: str) -> str:
    if not WORD.fullmatch(given):
        raise ValueError("write a tag as one word, without # and without a blank, / ? or &")
    return given


def _permission(given: str) -> str:
    if not given.strip():
        raise ValueError("it is empty; write where the operators' permission can be found")
    return given


def _variable(given: str) -> str:
    if given and not VARIABLE.fullmatch(given):
        raise ValueError(
            "write MASTODON_TOKEN, or a name in capitals that begins so; the token itself stands "
            "in no file of settings"
        )
    return given


def _tag(given: Any) -> Any:
    if isinstance(given, str):
        return {"tag": given}
    if not isinstance(given, dict | TagSettings):
        raise ValueError(  # noqa: TRY004  (what pydantic takes for a mistake in a setting)
            'write a word in quotation marks, or a table such as { tag = "word" }'
        )
    return given


Word = Annotated[str, AfterValidator(_word)]
Words = Annotated[tuple[Word, ...], Field(max_length=OTHERS)]


class TagSettings(BaseModel):
    """A timeline of posts with a tag; a tag alone may be written as a plain string."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: Word = Field(description="The tag, without #.")
    any: Words = Field(default=(), description="Posts with one of these come too.")
    all: Words = Field(default=(), description="Only posts that also have all of these.")
    none: Words = Field(default=(), description="No posts that have one of these.")
    local: bool = Field(
        default=False, description="Only posts of the server's own people, none from elsewhere."
    )


class ServerSettings(BaseModel):
    """A server that gave permission, and what is read there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, AfterValidator(_address)] = Field(
        description="Where it is: https://host."
    )
    permission: Annotated[str, AfterValidator(_permission)] = Field(
        description="Where its operators' permission can be found."
    )
    tags: tuple[Annotated[TagSettings, BeforeValidator(_tag)], ...] = Field(
        default=(), description="The tags whose timelines are read."
    )
    local: bool = Field(
        default=False, description="Whether all posts of the server's own people are read."
    )
    token_file: Annotated[str, AfterValidator(checked_path)] = Field(
        default="", description="A file that holds the token that the operators gave."
    )
    token_variable: Annotated[str, AfterValidator(_variable)] = Field(
        default="",
        description="The environment variable that holds it: MASTODON_TOKEN, or longer.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.tags and not self.local:
            raise ValueError(f"{self.address}: nothing is read there; give it tags, or local")
        return self


class MastodonSettings(BaseModel):
    """`[settings]` of a source of Mastodon servers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: tuple[ServerSettings, ...] = Field(
        min_length=1, description="The servers that gave permission."
    )
    first_hours: int = Field(
        default=24, ge=1, le=2_160, description="How far back a timeline is read at first."
    )
    rescan_hours: int = Field(
        default=12,
        ge=6,
        le=24,
        description="How far back it is read again each hour, for posts that arrived late and "
        "edits.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        addresses = [server.address for server in self.servers]
        twice = {address for address in addresses if addresses.count(address) > 1}
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: name each server once")
        return self
