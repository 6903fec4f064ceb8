import msgspec
import pytest
from hypothesis import given, settings

from rules.documents import Example, example_post
from rules.evaluator import Reading, evaluate, holds
from rules.explain import Reason, explain
from rules.lists import ListEntries, list_lookup
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tree import Keywords, Node, children
from stream.post import Post

LISTS = list_lookup({"wijken": {1: ListEntries("wijken", 1, ("noord", '"Oud West"', "zuid*"))}})


def why(query: str, text: str, lang: str = "nl") -> Reason:
    tree = parse(query, lists=LISTS).tree
    return explain(tree, example_post(Example(text, lang=lang)), query=query)


def same(node: Node, reason: Reason, post: Reading) -> None:
    assert reason.holds == holds(node, post)
    assert bool(reason.why) != reason.holds
    if isinstance(node, Keywords):
        assert bool(reason.children) == reason.holds
        assert all(each.holds for each in reason.children)
        return
    for child, each in zip(children(node), reason.children, strict=True):
        same(child, each, post)


@given(trees(), tokenised_posts())
@settings(max_examples=500)
def test_every_part_is_true_when_the_evaluator_says_so(tree: Node, post: Post) -> None:
    reason = explain(tree, post)
    assert reason.holds == evaluate(tree, post).matched
    same(tree, reason, Reading(post, "Europe/Amsterdam"))
    assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason


FAILURES = [
    ("fatbike", "fatbikes overal", "`fatbike` does not occur; `fatbikes` does"),
    ("fatbike", "mooi weer", "`fatbike` does not occur"),
    ("#woningnood", "weer woningnood", "`woningnood` occurs, and not as a hashtag"),
    ("huurprij*", "de huur", "no word begins with `huurprij`"),
    ('"geen woning"', "geen", "`woning` does not occur"),
    ('"geen woning"', "woning? geen!", "its words occur, not in this order"),
    (
        '"woning vinden"~1',
        "een woning in de stad vinden",
        "between its words stand 3 others, and at most 1 may",
    ),
    ('"geen woning"', "geen x woning",
     "between its words stands 1 other, and none may"),
    ('case:"AZC"', "het azc hier", "it is written `azc`, not `AZC`"),
    ('case:"AZC"', "hier", "`AZC` does not occur"),
    (
        "huiz* NEAR/5 duur",
        "duur a b c d e f g h i huizen",
        "no `huiz*` within 5 tokens of `duur`; the nearest has 9 between",
    ),
    (
        "huiz* ONEAR/2 duur",
        "duur huizen a b c duur",
        "no `huiz*` within 2 tokens before `duur`; the nearest has 3 between",
    ),
    ("a ONEAR/2 b", "b a", "`a` comes only after `b`"),
    ("a NEAR/2 a", "a", "`a` and `a` are the same words here"),
    ("huiz* NEAR/5 duur", "huizen", "`duur` does not occur"),
    ("appel NEAR/S peer", "appel. Peer", "`appel` and `peer` both occur, not in one sentence"),
    ("a AND b AND c", "a", "`b` does not occur"),
    ("a AND (b OR c)", "a", "nothing of `b OR c` is there"),
    ("a AND (fatbike OR auto)", "a fatbikes",
     "nothing of `fatbike OR auto` is there; the text has `fatbikes`"),
    ("2 OF (a, b, c)", "a", "1 of 2 wanted in `2 OF (a, b, c)`"),
    ("a NOT Sale", "a in de sale", "`sale` is there and must not be"),
    ("a NOT lang:nl", "a", "`lang:nl` is there and must not be"),
    ("a OR b EXCLUDE sale", "a SALE", "excluded by `SALE`"),
    ("a lang:en", "a", "its language is nl, not en"),
    ("a has:link,media", "a", "it has no attachment link or media"),
    ("a date:2026-01..2026-03", "a", "it was made on 1970-01-01, not in 2026-01-01 to 2026-03-31"),
    ("$wijken", "oost", "none of the 3 entries of `$wijken` occurs"),
    ("a $wijken", "a", "none of the 3 entries of `$wijken` occurs"),
    ("x OR a b c OR d e", "c d b", "nearest comes `a b c`: `a` does not occur"),
    ('x OR "a b"', "b", 'nearest comes `"a b"`: `a` does not occur'),
]  # fmt: skip


@pytest.mark.parametrize(("query", "text", "said"), FAILURES)
def test_what_failed_first_is_said(query: str, text: str, said: str) -> None:
    assert why(query, text).why == said


def test_a_language_that_nobody_knows_is_said() -> None:
    assert why("a lang:en", "a", lang="").why == "its language is not known"


def test_a_list_shows_which_of_its_entries_were_there() -> None:
    reason = why("$wijken NEAR/3 druk", "in oud west en zuid is het druk")
    assert [(each.text, each.spans) for each in reason.children[0].children] == [
        ('"oud west"', ((1, 3),)),
        ("zuid*", ((4, 5),)),
    ]


def test_parts_are_told_as_they_were_written_and_exclude_stands_apart() -> None:
    reason = why("(Huis OR woning)  -- homes\n duur EXCLUDE Café", "een duur huis")
    assert reason.holds
    assert [(each.kind, each.text, each.holds) for each in reason.children] == [
        ("or", "Huis OR woning", True),
        ("term", "duur", True),
        ("exclude", "EXCLUDE Café", True),
    ]
