import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.documents import ActiveRule, Example, example_post, version_of
from rules.errors import QueryError
from rules.evaluator import evaluate
from rules.lists import ListEntries, list_lookup
from rules.matcher import Matcher
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import Node
from stream.post import Match, Post

LISTS = list_lookup({"wijken": {1: ListEntries("wijken", 1, ("noord", '"oud west"', "zuid*"))}})

MATCHES = [
    ("fatbike", "Weer een FATBIKE hier"),
    ("cafe", "het café"),
    ("auto's", "alle auto’s weg"),
    ("overlast", "jongeren-overlast"),
    ("isik", "IŞIK var"),
    ("مدرسه", "مَدْرَسَة"),
    ("06", "٠٦"),
    ("#zwartepiet", "dat #ZwartePiet gedoe"),
    ("zwartepiet", "dat #ZwartePiet gedoe"),
    ('"geen woning"', "er is geen woning."),
    ('"woning vinden"~3', "een woning in de stad vinden"),
    ("a AND b", "b en a"),
    ("a b OR c", "c"),
    ("a NOT b", "a c"),
    ("(a OR b) NEAR/2 c", "c x y b"),
    ("a ONEAR/1 b", "a x b"),
    ("a NEAR/S b", "x. b en a! y"),
    ("2 OF (a, b, c)", "c a"),
    ("vlucht*", "vluchtelingen"),
    ("🔥", "brand 🔥🔥"),
    ("$wijken", "in oud west"),
    ("$wijken@1", "zuidoost"),
    ("a OR b EXCLUDE c", "b"),
    ('case:"AZC"', "het AZC hier"),
    ("a -- een toelichting\nAND b", "a b"),
    ("“geen woning”", "geen woning"),
]
MISSES = [
    ("fatbike", "fatbikes"),
    ('"geen woning"', "geen mooie woning"),
    ('"woning vinden"~1', "een woning in de stad vinden"),
    ('"woning vinden"~3', "vinden woning"),
    ("a AND b", "a"),
    ("a NOT b", "a b"),
    ("a NEAR/1 b", "a x y b"),
    ("a ONEAR/5 b", "b a"),
    ("appel NEAR/S peer", "een appel. Een peer"),
    ("a NEAR/3 a", "x a y"),
    ("2 OF (a, b, c)", "a a"),
    ("vlucht*", "vlugge vluch"),
    ("$wijken", "oud en west"),
    ("a OR b EXCLUDE c", "a c"),
    ('case:"AZC"', "het azc hier"),
    ("iemand", "‹iemand› was hier"),
    ("nos", "zie https://nos.nl/nos"),
    ("lang:en a", "a"),
]


def matched(query: str, text: str) -> bool:
    tree = parse(query, lists=LISTS).tree
    return evaluate(tree, example_post(Example(text, lang="nl"))).matched


@pytest.mark.parametrize(("query", "text"), MATCHES)
def test_a_query_matches(query: str, text: str) -> None:
    assert matched(query, text)


@pytest.mark.parametrize(("query", "text"), MISSES)
def test_a_query_does_not_match(query: str, text: str) -> None:
    assert not matched(query, text)


MISTAKES = [
    ("from:jan", "person"),
    ("author:jan", "person"),
    ("bio:jan", "person"),
    ("@jan", "account"),
    ("NOT a", "must be there"),
    ("a OR NOT b", "must be there"),
    ("fo*", "prefix"),
    ("*bar", "prefix"),
    ("‹iemand›*", "prefix"),
    ("a NEAR/99 b", "distance"),
    ("a NEAR b", "distance"),
    ("a NEAR/3 (b AND c)", "beside NEAR"),
    ("$nope", "list that exists"),
    ("topik:x", "Did you mean topic"),
    ("has:nothing", "link, media"),
    ("date:2026-13", "day, a month"),
    ('"open', "Close the quote"),
    ("(a", "closing bracket"),
    ("3 OF (a, b)", "number from 1"),
    ("", "a query"),
]


@pytest.mark.parametrize(("query", "expected"), MISTAKES)
def test_a_mistake_is_told_with_its_place(query: str, expected: str) -> None:
    with pytest.raises(QueryError, match=expected) as caught:
        parse(query, lists=LISTS)
    assert caught.value.problems[0].line == 1


def test_all_mistakes_come_in_one_pass() -> None:
    with pytest.raises(QueryError) as caught:
        parse("from:jan\nAND fo*\nAND $nope", lists=LISTS)
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 1), (2, 5), (3, 5)]


@pytest.mark.parametrize("field", ["topic:sports", "sentiment:negative", "rule:x", "place:delft"])
def test_a_stream_rule_cannot_ask_what_is_not_known_yet(field: str) -> None:
    parse(f"a {field}")
    with pytest.raises(QueryError, match="after matching"):
        parse(f"a {field}", use="stream")


def test_deep_and_long_queries_are_refused_not_crashed_on() -> None:
    with pytest.raises(QueryError, match="levels"):
        parse("(" * 500 + "a" + ")" * 500)
    with pytest.raises(QueryError, match="levels"):
        parse("NOT " * 500 + "a")
    with pytest.raises(QueryError, match="characters"):
        parse("a " * 20_000)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(
    ["a", "(", ")", "AND", "or", "NOT", "NEAR/3", "NEAR/S", ",", "2 OF (", '"x y"', "~2", "$wijken",
     "lang:nl", "from:x", "@p", "foob*", "EXCLUDE", '"', "--", "\n", "~"]
), max_size=14).map(" ".join))  # fmt: skip
def test_any_text_gives_a_tree_or_mistakes(query: str) -> None:
    try:
        parse(query, lists=LISTS)
    except QueryError as error:
        assert error.problems  # noqa: PT017  (either outcome is right)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_tokens_point_into_their_text(text: str) -> None:
    tokens = tokenise(text)
    ends = [0] + [token.end for token in tokens]
    for token, before in zip(tokens, ends, strict=False):
        assert before <= token.start < token.end <= len(text)
    sentences = [token.sentence for token in tokens]
    assert sentences == sorted(sentences)


@pytest.mark.parametrize(
    "text",
    ["yup" + "i" * 40 + "!!!!!", "a'" * 5000, "a." * 5000, "🔥" * 5000, "a@" * 5000, "#" * 9000],
)
def test_odd_texts_are_tokenised_in_one_go(text: str) -> None:
    assert len(tokenise(text)) <= len(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(trees(), max_size=6), st.lists(tokenised_posts(), max_size=6))
def test_the_matcher_answers_as_the_evaluator(queries: list[Node], found: list[Post]) -> None:
    rules = [
        ActiveRule(
            id=f"r{number}",
            version=version_of(tree),
            title="",
            category="",
            special_category=False,
            tree=tree,
        )
        for number, tree in enumerate(queries)
    ]
    expected = [
        tuple(
            Match(rule.id, rule.version, outcome.spans)
            for rule in rules
            if (outcome := evaluate(rule.tree, post)).matched
        )
        for post in found
    ]
    assert Matcher(rules, timezone="Europe/Amsterdam").match(found) == expected
