"""Tokens and rule matches: what every post gets."""

from collections.abc import Sequence

import msgspec

from enrich.contract import Field, Scope
from rules.matcher import Matcher
from rules.tokens import TOKENIZER_VERSION, tokenise
from stream.post import Post


class Tokens:
    """`tokens` of every post, by the one tokenizer."""

    name = "tokens"
    version = TOKENIZER_VERSION
    requires: frozenset[Field] = frozenset()
    provides: frozenset[Field] = frozenset({"tokens"})
    scope: Scope = "every"

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return [msgspec.structs.replace(post, tokens=tokenise(post.text)) for post in posts]

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (tokens give no reason)
        return msgspec.structs.replace(post, tokens=())


class Matches:
    """`matches` of every post, by the active rules; another set comes in between two batches."""

    name = "matches"
    requires: frozenset[Field] = frozenset({"tokens", "lang"})
    provides: frozenset[Field] = frozenset({"matches"})
    scope: Scope = "every"

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    @property
    def version(self) -> str:
        """The names of all rules, `rule@version`."""
        return ",".join(rule.name for rule in self.matcher.rules)

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        found = self.matcher.match(posts)
        return [
            msgspec.structs.replace(post, matches=matches)
            for post, matches in zip(posts, found, strict=True)
        ]

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (a match gives no reason)
        return msgspec.structs.replace(post, matches=())
