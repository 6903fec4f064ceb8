"""What a source of Mastodon servers is told: which gave permission, and what is read there."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ADDRESS = re.compile(
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?|http://(127\.0\.0\.1|localhost)(:\d{1,5})?"
)
OTHERS = 4
"""A server looks at so many other tags and silently leaves out the rest (Mastodon's
`app/models/tag_feed.rb`).
"""

Word = Annotated[str, Field(pattern=r"^[^\s#/?&]+$")]


def _address(given: str) -> str:
    if not ADDRESS.fullmatch(given):
        raise ValueError("write the address of a server as https://host, without a path")
    return given


def _tag(given: Any) -> Any:
    return {"tag": given} if isinstance(given, str) else given


class TagSettings(BaseModel):
    """A timeline of posts with a tag; a tag alone may be written as a plain string."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tag: Word = Field(description="The tag, without #.")
    any: tuple[Word, ...] = Field(
        default=(), max_length=OTHERS, description="Posts with one of these come too."
    )
    all: tuple[Word, ...] = Field(
        default=(), max_length=OTHERS, description="Only posts that also have all of these."
    )
    none: tuple[Word, ...] = Field(
        default=(), max_length=OTHERS, description="No posts that have one of these."
    )
    local: bool = Field(
        default=False, description="Only posts of the server's own people, none from elsewhere."
    )


class ServerSettings(BaseModel):
    """A server that gave permission, and what is read there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, AfterValidator(_address)] = Field(
        description="Where it is: https://host."
    )
    permission: str = Field(
        pattern=r"\S", description="Where its operators' permission can be found."
    )
    tags: tuple[Annotated[TagSettings, BeforeValidator(_tag)], ...] = Field(
        default=(), description="The tags whose timelines are read."
    )
    local: bool = Field(
        default=False, description="Whether all posts of the server's own people are read."
    )
    token_file: str = Field(
        default="", description="A file that holds the token that the operators gave."
    )
    token_variable: str = Field(
        default="",
        pattern=r"^(MASTODON_TOKEN[A-Z0-9_]*)?$",
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
