from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.documents import (
    ActiveRule,
    Example,
    asks_for_more,
    example_post,
    unchanged,
    version_of,
)
from rules.errors import QueryError
from rules.evaluator import evaluate
from rules.lists import ListEntries, list_lookup
from rules.matching.matcher import Matcher
from rules.nears import MAX_NEARS
from rules.parser import parse
from rules.reading import MOST_PROBLEMS
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import Field, Node, Of, Term, nears
from stream.post import Match, Place, Post

LISTS = list_lookup(
    {
        "wijken": {
            1: ListEntries("wijken", 1, ("noord", '"oud west"', "zuid*")),
            2: ListEntries("wijken", 2, ("noord", '"oud west"', "zuid*", "centrum")),
        },
        "kapot": {1: ListEntries("kapot", 1, ("noord", "fo*", "a AND b"))},
        "genest": {1: ListEntries("genest", 1, ("$wijken",))},
        "paren": {1: ListEntries("paren", 1, ("noord", "oud NEAR/2 west"))},
    }
)

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
    ("$wijken", "in het centrum"),
    ("$wijken@2", "in het centrum"),
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
    ("$wijken@1", "in het centrum"),
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
    ('"@jan"', "account"),
    ('"hallo @jan"', "account"),
    ("“@jan”", "account"),
    ("＠jan", "account"),
    ("@\u200bjan", "account"),
    ("@jan*", "account"),
    ("(#a OR @jan)", "account"),
    ("a NEAR/3 @jan", "account"),
    ("2 OF (a, @jan)", "account"),
    ('case:"@Jan"', "account"),
    ("lemma:@jan", "account"),
    ('part:"@jan"', "account"),
    ("source:@jan", "account"),
    ("From:jan", "person"),
    ('FROM:"jan"', "person"),
    ("from:“jan jansen”", "person"),
    ("from：jan", "person"),
    ("NOT from:jan", "person"),
    ("Author:“jan”", "person"),
    ("BIO:jan", "person"),
    ("to:jan", "person"),
    ("To:@jan", "person"),
    ("reply-to:jan", "person"),
    ("in_reply_to:5", "person"),
    ("screen_name:jan", "person"),
    ("username:jan", "person"),
    ("gebruiker:jan", "person"),
    ("NOT a", "must be there"),
    ("a OR NOT b", "must be there"),
    ("fo*", "prefix"),
    ("*bar", "prefix"),
    ("‹iemand›*", "prefix"),
    ("a NEAR/99 b", "distance"),
    ("a NEAR b", "distance"),
    ("a NEAR/3 (b AND c)", "beside NEAR"),
    ("$nope", "list that exists"),
    ("$wijken@3", "list that exists"),
    ("$wijken@", "name of a keyword list"),
    ("$wijken@twee", "name of a keyword list"),
    ("$@jan", "name of a keyword list"),
    ("$kapot", "sound list; entry 'fo\\*'"),
    ("$genest", "name of a keyword list"),
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


def nested(count: int, near: str = "NEAR/5", innermost: str = "a") -> str:
    """So many NEARs within one another."""
    return "(" * count + innermost + f" {near} b)" * count


def test_nears_within_one_another_have_a_limit_of_their_own() -> None:
    most = nears(parse(nested(MAX_NEARS)).tree)
    assert most == MAX_NEARS
    with pytest.raises(QueryError, match="at most 8 NEARs within one another") as caught:
        parse(f"huis\nAND {nested(MAX_NEARS + 30)}")
    (problem,) = caught.value.problems  # told where the first one too many is written, once
    assert (problem.line, problem.text) == (2, "NEAR/5")
    assert problem.hint == "Use AND for the outer ones."
    assert problem.column == 1 + len("AND ") + MAX_NEARS + 30 + len("a") + MAX_NEARS * 10 + 1
    side_by_side = " OR ".join([nested(MAX_NEARS)] * 2)
    assert nears(parse(f"{side_by_side} {nested(MAX_NEARS)}").tree) == MAX_NEARS


@pytest.mark.parametrize(
    "query",
    [
        nested(MAX_NEARS + 1, "NEAR/S"),
        nested(MAX_NEARS + 1, "ONEAR/0"),
        f"c NEAR/5 (huis OR {nested(MAX_NEARS)})",
        nested(MAX_NEARS, innermost="$paren"),
    ],
)
def test_a_near_counts_of_whatever_kind_and_wherever_it_is(query: str) -> None:
    with pytest.raises(QueryError, match="at most 8 NEARs"):
        parse(query, lists=LISTS)


@settings(max_examples=200, deadline=None)
@given(trees())
def test_random_queries_are_within_what_can_be_written(tree: Node) -> None:
    assert nears(tree) <= MAX_NEARS


def test_all_mistakes_come_in_one_pass() -> None:
    with pytest.raises(QueryError) as caught:
        parse("from:jan\nAND fo*\nAND $nope", lists=LISTS)
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 1), (2, 5), (3, 5)]


def test_of_too_many_mistakes_the_first_ones_are_told_and_that_there_are_more() -> None:
    lines = "a:b\n" * MOST_PROBLEMS
    for query, more in ((lines, ()), (f"{lines}a:b\n", ((MOST_PROBLEMS + 2, 1, ""),))):
        with pytest.raises(QueryError) as caught:
            parse(query)
        places = [(p.line, p.column, p.text) for p in caught.value.problems]
        assert places == [*((line, 1, "a:b") for line in range(1, MOST_PROBLEMS + 1)), *more]
    assert caught.value.problems[-1].hint == "Mend those first; there are more."


@pytest.mark.parametrize("field", ["topic:sports", "sentiment:negative", "rule:x"])
def test_a_stream_rule_cannot_ask_what_is_not_known_yet(field: str) -> None:
    parse(f"a {field}")
    with pytest.raises(QueryError, match="after matching"):
        parse(f"a {field}", use="stream")


def test_lemmas_and_parts_are_those_of_the_tokens() -> None:
    plain = example_post(Example("zij liepen langs jongerenoverlast"))
    tokens = list(plain.tokens)
    tokens[1] = msgspec.structs.replace(tokens[1], lemma="lopen")
    tokens[3] = msgspec.structs.replace(tokens[3], parts=("jongeren", "overlast"))
    post = msgspec.structs.replace(plain, tokens=tuple(tokens))
    for query, expected in (
        ("lemma:lopen", True),
        ("lemma:Lopen", True),
        ("lemma:liepen", True),
        ("lemma:liep", False),
        ("part:overlast", True),
        ('part:"Jongeren"', True),
        ("part:jongerenoverlast", True),
        ("part:last", False),
        ("lopen OR overlast", False),
        ("lemma:lopen ONEAR/1 part:overlast", True),
    ):
        assert evaluate(parse(query).tree, post).matched is expected, query
    assert not evaluate(parse("lemma:lopen OR part:overlast").tree, plain).matched


def test_only_what_asks_for_words_depends_on_how_they_are_analysed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queries = ("woning", "woning NOT (huis part:overlast)", "$wijken lemma:lopen", "place:delft")
    trees = [parse(query, lists=LISTS).tree for query in queries]
    before = list(map(version_of, trees))
    monkeypatch.setattr("rules.documents.WORDS_VERSION", "another")
    assert [a == b for a, b in zip(before, map(version_of, trees), strict=True)] == [
        True, False, False, True,
    ]  # fmt: skip
    assert list(map(asks_for_more, trees)) == [False, True, True, True]


def delft(posts: Sequence[Post]) -> Sequence[Post]:
    """Finds one place, and is asked for nothing that cannot match."""
    assert all("woning" in post.text for post in posts)
    place = Place("Delft", "city", 0, 1)
    return [
        msgspec.structs.replace(post, places=(place,) if "Delft" in post.text else ())
        for post in posts
    ]


def test_places_are_looked_for_where_a_rule_that_names_them_may_match() -> None:
    tree = parse("woning place:delft", use="stream").tree
    other = parse("huis", use="stream").tree
    rules = [
        ActiveRule(
            id=name, version=version_of(each), title="", category="",
            special_category=False, tree=each,
        )
        for name, each in (("wonen", tree), ("huis", other))
    ]  # fmt: skip
    texts = (
        "woning in Delft",
        "een huis in Delft",
        "woning elders",
        "Delft",
        "huis, woning, Delft",
    )
    posts = [unchanged(example_post(Example(text))) for text in texts]
    found = Matcher(rules, timezone="Europe/Amsterdam", locate=delft).match(posts)
    assert [[match.rule for match in matches] for matches in found] == [
        ["wonen"], ["huis"], [], [], ["wonen", "huis"],
    ]  # fmt: skip
    without = Matcher(rules, timezone="Europe/Amsterdam").match(posts)
    assert [[match.rule for match in matches] for matches in without] == [
        [], ["huis"], [], [], ["huis"],
    ]  # fmt: skip


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


def test_a_field_may_be_a_member_that_others_follow() -> None:
    fields = Field("lang", ("nl", "en")), Field("kind", ("post",))
    members = (fields[0], Term("huis"), fields[1])
    assert parse("2 OF (lang:nl,en, huis, kind:post)").tree == Of(2, members)
