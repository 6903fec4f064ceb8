"""What every enricher must hold; for the authors of new ones.

Make a class of tests of it and say how the enricher is made:

    class TestMine(EnricherContract):
        @pytest.fixture
        def enricher(self): return Mine()
"""

from collections.abc import Mapping

import msgspec
import pytest

from enrich.contract import Enricher, Field
from enrich.language import Language
from enrich.steps import Tokens
from stream.post import Label, Post, Token
from stream.testing import make_post

TEXTS = (
    "Sinds de verhuizing voel ik me zo alleen in deze stad",
    "",
    "ok",
    "‹iemand› kijk dit ‹link›",
    "🙂🙂🙂 #eenzaam",
    "bu şehirde çok yalnızım ve kimse beni anlamıyor",
    "wach nta 3arf chno w9e3 f lmdina lbar7",
    "هطل المطر طوال فترة ما بعد الظهر",
    "a" * 32_000,
    "woord " * 5_000,
)


class EnricherContract:
    """Subclass it, give the fixture `enricher`."""

    @pytest.fixture
    def enricher(self) -> Enricher:
        raise NotImplementedError

    @pytest.fixture
    def posts(self) -> list[Post]:
        posts = [make_post(number, text=text) for number, text in enumerate(TEXTS)]
        return list(Tokens()(Language()(posts)))

    def test_posts_come_back_in_their_order(self, enricher: Enricher, posts: list[Post]) -> None:
        assert [post.id for post in enricher(posts)] == [post.id for post in posts]
        assert list(enricher([])) == []

    def test_only_what_is_provided_changes(self, enricher: Enricher, posts: list[Post]) -> None:
        for before, after in zip(posts, enricher(posts), strict=True):
            assert changed(before, after) <= enricher.provides
            abstained = enricher.abstain(before, "shed")
            assert changed(before, abstained) <= enricher.provides

    def test_neighbours_change_nothing(self, enricher: Enricher, posts: list[Post]) -> None:
        together = list(enricher(posts))
        assert [each for post in posts for each in enricher([post])] == together
        assert list(reversed(enricher(list(reversed(posts))))) == together

    def test_labels_say_who_gave_them_or_why_not(
        self, enricher: Enricher, posts: list[Post]
    ) -> None:
        for post in [*enricher(posts), *(enricher.abstain(post, "shed") for post in posts)]:
            for label in labels(post, enricher).values():
                assert label.model
                assert label.version
                assert 0 <= label.confidence <= 1
                assert (label.value is None) == (label.abstained is not None)

    def test_an_abstention_gives_its_reason(self, enricher: Enricher, posts: list[Post]) -> None:
        for label in labels(enricher.abstain(posts[0], "shed"), enricher).values():
            assert label.abstained == "shed"

    def test_it_names_itself(self, enricher: Enricher) -> None:
        assert enricher.name
        assert enricher.version == enricher.version
        assert not enricher.requires & enricher.provides


def changed(before: Post, after: Post) -> set[Field]:
    """The fields in which two posts differ."""
    names: set[Field] = set()
    if before.tokens != after.tokens and plain(before) == plain(after):
        names.add("words")
        after = msgspec.structs.replace(after, tokens=before.tokens)
    for name, value in msgspec.structs.asdict(after).items():
        if getattr(before, name) != value:
            names.add(name)  # type: ignore[arg-type]  # a field outside the list fails the test
    return names


def plain(post: Post) -> tuple[Token, ...]:
    """The tokens without what word analysis fills."""
    return tuple(msgspec.structs.replace(token, lemma="", parts=()) for token in post.tokens)


def labels(post: Post, enricher: Enricher) -> Mapping[str, Label]:
    """The labels among what the enricher provides."""
    found = {name: getattr(post, name) for name in enricher.provides - {"words"}}
    return {name: value for name, value in found.items() if isinstance(value, Label)}
