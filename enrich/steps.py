"""Tokens, hashtags and rule matches: what every post gets."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import msgspec

from enrich.contract import Field, Scope
from rules.matching.matcher import Locate, Matcher
from rules.tokens import TOKENIZER_VERSION, tokenise
from stream.post import Match, Post

MOST_HASHTAGS = 50
"""Of one post; more is a list of words and no conversation."""


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


class Hashtags:
    """`hashtags` of every post: those that the platform named, and those in its text, as not every
    platform names them.
    """

    name = "hashtags"
    version = "1"
    requires: frozenset[Field] = frozenset({"tokens"})
    provides: frozenset[Field] = frozenset({"hashtags"})
    scope: Scope = "every"

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return [self._labelled(post) for post in posts]

    def _labelled(self, post: Post) -> Post:
        if "#" not in post.text and "＃" not in post.text:
            return post
        found = [
            token.cased[1:].casefold()
            for token in post.tokens
            if token.forms and token.forms[0].startswith("#")
        ]
        every = tuple(dict.fromkeys((*post.hashtags, *found)))[:MOST_HASHTAGS]
        return post if every == post.hashtags else msgspec.structs.replace(post, hashtags=every)

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (hashtags give no reason)
        return post


class Matches:
    """`matches` of every post by the active rules, and `shadows` by those that are counted and not
    shown; another set comes in between two batches. `locate` is for matchers whose rules ask for
    places, which are known later to every other enricher.
    """

    name = "matches"
    requires: frozenset[Field] = frozenset({"tokens", "words", "lang"})
    provides: frozenset[Field] = frozenset({"matches", "shadows"})
    scope: Scope = "every"

    def __init__(self, matcher: Matcher, *, locate: Locate | None = None) -> None:
        self.locate = locate
        self.use(matcher)

    def use(self, matcher: Matcher, *, shadows: AbstractSet[str] = frozenset()) -> None:
        """Match by these rules from now on; `shadows` are the names (`rule@version`) of those
        among them that are counted and not shown.
        """
        self.matcher = matcher
        self._shadows = shadows

    @property
    def version(self) -> str:
        """The names of all rules, `rule@version`."""
        return ",".join(rule.name for rule in self.matcher.rules)

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        found = self.matcher.match(posts)
        return [self._labelled(post, matches) for post, matches in zip(posts, found, strict=True)]

    def _labelled(self, post: Post, found: tuple[Match, ...]) -> Post:
        if not (found or post.matches or post.shadows):
            return post  # most are no rule's: a copy less of each
        if not self._shadows or not found:
            return msgspec.structs.replace(post, matches=found, shadows=())
        return msgspec.structs.replace(
            post,
            matches=tuple(match for match in found if match.name not in self._shadows),
            shadows=tuple(
                Match(match.rule, match.version) for match in found if match.name in self._shadows
            ),
        )

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (a match gives no reason)
        return msgspec.structs.replace(post, matches=(), shadows=())
