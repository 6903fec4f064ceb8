"""A post as a document of Elasticsearch, and what its indices are made like."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from index.document import NUMBERS, WORDS, document, forms_at, id_numbers
from index.settings import ElasticSettings
from stream.codec import encode_post
from stream.partitions import Partition
from stream.post import Post

VERSION = 3
"""Part of the names of indices: those of an older version are written anew, not read.

Whatever changes, `id_high`, `id_low`, `version` and `post` stay: by them an index is compared
with the one that is made of it.
"""

BETWEEN = "\ue004"
"""Stands between the forms of one position; in JSON it is shorter than a control character."""

NO_FORM = "\ue000"
"""Keeps the place of a token that has no form at all."""

_REPLACED = str.maketrans({" ": "\ufffd", BETWEEN: "\ufffd"})

_SEARCHED = frozenset({"ms", "day", "version", "first_observed", "author_day"})
"""Numbers that are asked for by range; others are only counted or read."""

_TOKENS = {
    "tokenizer": {
        # Longer than any position can be: a word that is cut would move those after it.
        "positions": {"type": "char_group", "tokenize_on_chars": [" "], "max_token_length": 1 << 20}
    },
    "filter": {
        "forms": {
            "type": "pattern_capture",
            "patterns": [f"([^{BETWEEN}]+)"],
            "preserve_original": False,
        }
    },
    "analyzer": {"forms": {"type": "custom", "tokenizer": "positions", "filter": ["forms"]}},
}

_encoder = msgspec.json.Encoder()


def mapping() -> dict[str, Any]:
    """The mapping of every index."""
    properties: dict[str, Any] = {
        "tokens": {"type": "text", "analyzer": "forms", "norms": False},
        "author": {"type": "keyword", "doc_values": False},
        "post": {"type": "keyword", "index": False, "doc_values": False},
    }
    for name in WORDS:
        properties[name] = {"type": "keyword"}
    for name in ("id_high", "id_low", "who"):
        properties[name] = {"type": "long", "index": False}
    for name in NUMBERS:
        kind = "integer" if name in ("epoch", "hour", "day") else "long"
        properties[name] = {"type": kind} | ({} if name in _SEARCHED else {"index": False})
    return {"dynamic": "strict", "_source": {"includes": ["post"]}, "properties": properties}


def dynamic_settings(settings: ElasticSettings) -> dict[str, Any]:
    """What of an index can be set again at any time."""
    return {
        "number_of_replicas": str(settings.replicas),
        "refresh_interval": "-1",  # each bulk refreshes
        "gc_deletes": "0s",  # the ledger keeps older posts away, not the memory of deletes
        "merge": {"policy": {"expunge_deletes_allowed": "0"}},
    }


def index_settings(settings: ElasticSettings, kind: str) -> dict[str, Any]:
    """What an index of this class of posts is made with."""
    shards = settings.shards if kind == "kept" else 1
    return {
        "number_of_shards": str(shards),
        "analysis": _TOKENS,
        **dynamic_settings(settings),
    }


class Names:
    """What indices and aliases are called."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @property
    def all(self) -> str:
        """A pattern for every index of peil."""
        return f"{self._prefix}-*"

    def template(self, version: int = VERSION) -> str:
        return f"{self._prefix}-v{version}"

    def pattern(self, version: int = VERSION) -> str:
        """Which indices the template is for."""
        return f"{self._prefix}-*-v{version}"

    def alias(self, partition: Partition) -> str:
        """Where a partition is read, whatever its version."""
        return f"{self._prefix}-{partition.name}"

    def entrance(self, partition: Partition, version: int = VERSION) -> str:
        """The alias by which a partition is written. A peil of another version has another one,
        so that it is refused once the index was written anew.
        """
        return f"{self.index(partition, version)}-in"

    def index(self, partition: Partition, version: int = VERSION) -> str:
        return f"{self.alias(partition)}-v{version}"

    def parse(self, index: str) -> "Physical | None":
        """What an index holds; None when its name is not, letter by letter, one of peil's."""
        name, _, version = index.removeprefix(f"{self._prefix}-").rpartition("-v")
        try:
            physical = Physical(Partition.parse(name), int(version))
        except ValueError:
            return None
        return physical if self.index(*physical) == index else None


class Physical(NamedTuple):
    """An index: of which partition, in which version of the mapping."""

    partition: Partition
    version: int


def source(post: Post, *, timezone: str) -> bytes:
    """`post` as a document in JSON. Only the stored post can be read again."""
    found = document(post, timezone=timezone)
    high, low = id_numbers(post.id)
    fields: dict[str, Any] = {
        "tokens": " ".join(
            [_position(each.forms, each.cased, each.lemma, each.parts) for each in post.tokens]
        ),
        "author": post.author,
        "id_high": signed(high),
        "id_low": signed(low),
        "who": signed(found.who),
        "post": encode_post(post).decode(),
        **{name: values for name, values in found.words.items() if values},
        **found.numbers,
    }
    return _encoder.encode(fields)


@lru_cache(maxsize=100_000)
def _position(forms: tuple[str, ...], cased: str, lemma: str, parts: tuple[str, ...]) -> str:
    return BETWEEN.join(map(plain, forms_at(forms, cased, lemma, parts))) or NO_FORM


def plain(form: str) -> str:
    """`form` without what stands between forms and positions."""
    return form.translate(_REPLACED) if " " in form or BETWEEN in form else form


def signed(number: int) -> int:
    """A number of 64 bits as one with a sign, in the same order."""
    return number - (1 << 63)


def differences(held: Mapping[str, Any]) -> Sequence[str]:
    """How a mapping that an index has differs from what it was made with."""
    expected, fields = mapping(), held.get("properties", {})
    found = [
        f"`{name}` is {held.get(name)!r}"
        for name in ("dynamic", "_source")
        if held.get(name) != expected[name]
    ]
    for name in sorted(fields.keys() | expected["properties"].keys()):
        if name not in expected["properties"]:
            found.append(f"field {name} is not peil's")
        elif name not in fields:
            found.append(f"field {name} is missing")
        elif fields[name] != expected["properties"][name]:
            found.append(f"field {name} has other options")
    return found
