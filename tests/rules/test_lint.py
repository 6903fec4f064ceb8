import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peil.guidance import personal, read_over
from rules.documents import Book, KeywordList, RuleDocument
from rules.files import load_book
from rules.lint.alone import Groups
from rules.lint.breadth import Word
from rules.lint.catalogue import CHECKS, GROUPS, Check, page
from rules.lint.cost import cost
from rules.lint.findings import Finding
from rules.lint.linter import check, known_of, lint_list, lint_rule
from rules.lint.meaning import Known, lint_query
from rules.parser import parse
from rules.tree import Prefix, Term

ROOT = Path(__file__).parents[2]
SHIPPED = load_book(ROOT / "config")
TODAY = date(2026, 11, 24)
RULE = {
    "id": "woningnood",
    "title": "Housing",
    "purpose": "How hard it is to find a home",
    "category": "housing",
    "owner": "team prevention",
    "expires": date(2027, 3, 1),
    "query": "woningnood",
    "match": [{"text": "weer woningnood"}],
    "no_match": [{"text": "mooi weer"}],
}
LIST = {"id": "vervoer", "version": 1, "title": "t", "owner": "o"}


class Counted:
    """Words that are in a third of all posts, and prefixes of many words."""

    def share(self, words: Sequence[Word]) -> float | None:
        frequent = {Term("vandaag"), Term("morgen")}
        return 0.3 if frequent & set(words) else None

    def words(self, prefix: Prefix) -> int:
        return 900 if prefix.stem == "verk" else 3


KNOWN = known_of(SHIPPED, personal=personal, frequencies=Counted())


def rule(changes: str = "") -> RuleDocument:
    return msgspec.convert(RULE | tomllib.loads(changes), RuleDocument)


def folder(lines: str, at: Path) -> Sequence[Finding]:
    """The findings of a folder with these files: a rule's query or a page's text after the name."""
    rules: dict[str, RuleDocument] = {}
    lists: list[KeywordList] = []
    for line in lines.splitlines():
        path, _, said = line.partition(" ")
        name = Path(path).name.split(".")[0]
        if said.startswith("toml="):
            (at / path).parent.mkdir(parents=True, exist_ok=True)
            (at / path).write_text(said.removeprefix("toml=").replace(", ", "\n"), "utf-8")
        elif path.startswith("lists/"):
            before, _, entry = said.rpartition("entries=")
            number = before.strip().removeprefix("version=") or name.partition("@")[2]
            words = {"version": int(number), "id": name.partition("@")[0], "entries": [entry]}
            lists.append(msgspec.convert(LIST | words, KeywordList))
        elif path.startswith("rules/"):
            query = said.removeprefix("query=") or name.replace("-", " ")
            rules[name] = rule(f'id = "{name}"\nquery = "{query}"')
        else:
            text = said.removeprefix("text=") or "What it is"
            (at / "guidance").mkdir(parents=True, exist_ok=True)
            (at / path).write_text(f"# {name}\n\n## What\n\n{text}\n", "utf-8")
    book = Book(
        rules=rules,
        lists={each.id: each for each in lists[-1:]},
        older=tuple(lists[:-1]),
        unread=load_book(at).unread,
    )
    return [*check(book, today=TODAY), *read_over(at, book)]


def found(each: Check, example: str, at: Path) -> Sequence[Finding]:
    match each.subject:
        case "query":
            return lint_query(example, known=KNOWN)
        case "rule":
            return lint_rule(rule(example), TODAY, known=KNOWN)
        case "list":
            return lint_list(
                msgspec.convert(LIST | tomllib.loads(example), KeywordList), known=KNOWN
            )
        case "folder":
            return folder(example, at)


@pytest.mark.parametrize("each", CHECKS.values(), ids=CHECKS)
def test_the_example_of_a_check_trips_it_and_the_mended_one_nothing(
    each: Check, tmp_path: Path
) -> None:
    tripped = found(each, each.bad, tmp_path / "bad")
    assert each.code in [finding.code for finding in tripped]
    assert found(each, each.good, tmp_path / "good") == []


def test_codes_are_in_order_and_each_has_a_group() -> None:
    assert list(CHECKS) == sorted(CHECKS)
    assert {code[:2] for code in CHECKS} == set(GROUPS)


def test_the_page_of_the_checks_is_what_they_say() -> None:
    written = (ROOT / "docs" / "lint.md").read_text("utf-8")
    assert written == page(), "write it with: peil rules check --explain all > docs/lint.md"


def test_the_shipped_rules_trip_nothing_and_name_no_person() -> None:
    assert check(SHIPPED, today=TODAY, known=known_of(SHIPPED, personal=personal)) == []


GROUPS_OF = Groups(["moslim", "moslims", "joden", "zwarte mensen", "turks", "roma"])


@pytest.mark.parametrize(
    "query",
    [
        "moslims",
        "#moslims",
        "mosli*",
        'case:"Moslims"',
        "lemma:moslim",
        "part:moslim",
        '"de moslims"',
        '"alle zwarte mensen"',
        "turkse",
        "1 OF (moslims, bedreigd)",
        "2 OF (moslims, joden, bedreigd)",
        "moslims NEAR/5 joden",
        "moslims NEAR/5 de",
        "moslims lang:nl",
        "moslims sentiment:negative",
        "moslims NOT voetbal",
        "moslims EXCLUDE (voetbal OR ajax)",
        "x (bedreigd OR moslims) OR joden de",
        "NOT (NOT moslims) lang:nl",
        "lang:nl NOT (NOT moslims AND NOT joden)",
        "bedreigd OR (moslims NEAR/S (joden OR roma))",
    ],
)
def test_a_group_alone_is_found_in_every_disguise(query: str) -> None:
    codes = [each.code for each in lint_query(query, known=Known(groups=GROUPS_OF))]
    assert "R401" in codes


@pytest.mark.parametrize(
    "query",
    [
        "moslims NEAR/5 bedreigd",
        "moslims bedreigd",
        "2 OF (moslims, bedreigd)",
        '"moslims bedreigd"',
        "moslimhaat*",
        "bedreigd NOT moslims",
        "moslims rule:discriminatie",
        "romans OR romantisch*",
    ],
)
def test_a_group_beside_a_behaviour_is_left_alone(query: str) -> None:
    assert not [
        each for each in lint_query(query, known=Known(groups=GROUPS_OF)) if each.code == "R401"
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("dank u/jan_janssen", "R402"),
        ('"via @nu.nl"', "R104"),
        ('"Ahmed el Amrani"', "R404"),
        ("case:Jan ONEAR/0 case:Jansen", "R404"),
        ("0612345678*", "R403"),
        ('"NL91 ABNA 0417 1643 00"', "R403"),
        ("ik -- een woord", "R301"),
        ("a OR woning NOT huis", "R301"),
    ],
)
def test_what_leads_to_a_person_or_says_too_little_is_found(query: str, code: str) -> None:
    assert code in [each.code for each in lint_query(query, known=KNOWN)]


@pytest.mark.parametrize(
    "query",
    [
        '"Den Haag"',
        '"te duur"',
        "🔥",
        "水",
        "a b",
        "case:Den ONEAR/0 case:Haag",
        "case:Jan NEAR/3 case:Huis",
        "ov lang:nl NEAR/3 x",
    ],
)
def test_what_only_looks_like_it_is_left_alone(query: str) -> None:
    codes = [each.code for each in lint_query(query, known=KNOWN)]
    assert not {"R301", "R402", "R403", "R404"} & set(codes)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("fatbike OR lang:nl", "R203"),
        ("fatbike OR has:link NOT korting", "R203"),
        ("fatbike OR (date:2026 EXCLUDE korting)", "R203"),
        ("2 OF (fatbike, (lang:nl), (kind:post))", "R203"),
        ("fatbike lang:nl kind:post", ""),
        ("2 OF (fatbike, stoep, (lang:nl))", ""),
    ],
)
def test_a_rule_that_a_field_is_enough_for_is_found_and_a_search_may(query: str, code: str) -> None:
    assert "".join(each.code for each in lint_query(query, known=KNOWN, use="stream")) == code
    assert not lint_query(query, known=KNOWN)


def test_a_finding_points_at_its_words() -> None:
    query = "-- homes\nhuurprij* OR huis\n  OR vochtplekken NEAR/3 duur OR huurprijzen"
    (each,) = lint_query(query, known=KNOWN)
    assert each.spot is not None
    assert (each.spot.line, each.spot.column, each.spot.length) == (3, 34, 11)
    assert each.spot.pointed.splitlines()[1] == " " * 33 + "^" * 11
    assert each.message == "`huurprijzen` is covered by `huurprij*`; take it out"


def test_what_begins_before_and_ends_after_a_line_is_pointed_at_in_its_first() -> None:
    (each,) = lint_query("zon\nOR vandaag\nOR morgen", known=KNOWN)
    assert each.code == "R302"
    assert each.spot is not None
    assert each.spot.pointed == "zon\n^^^"


def test_all_mistakes_of_a_query_are_findings_with_their_places() -> None:
    findings = lint_query("from:jan\nAND fo*\nAND $nope", known=KNOWN)
    places = [(each.code, each.spot.line, each.spot.column) for each in findings if each.spot]
    assert places == [("R104", 1, 1), ("R101", 2, 5), ("R103", 3, 5)]


def test_an_entry_twice_and_one_that_a_prefix_covers_are_told() -> None:
    entries = 'entries = ["scooter*", "scooters", "bus", "Bus", \'"bus halte"\']'
    each = msgspec.convert(LIST | tomllib.loads(entries), KeywordList)
    assert [finding.message for finding in lint_list(each, known=KNOWN)] == [
        "entry 'scooters' is covered by 'scooter*'; take it out",
        "entry 'Bus' is covered by 'bus'; take it out",
    ]


def test_a_list_names_no_person_and_a_rule_does_not_by_a_list() -> None:
    entries = """
        title = "Ask jan.jansen@example.org"
        entries = [
            '"06 12345678"', '"dank u/jandevries"', '"Jan Jansen"', "woning",
            '"een twee drie vier vijf zes zeven acht"',
        ]
        match = [{text = "bel 06 12345678", why = "a number"}]
    """
    each = msgspec.convert(LIST | tomllib.loads(entries), KeywordList)
    codes = ["R507", "R507", "R403", "R402", "R404", "R405"]
    assert [finding.code for finding in lint_list(each, known=KNOWN)] == codes
    known = known_of(Book(rules={}, lists={each.id: each}), personal=personal)
    through = lint_query("woord OR $vervoer", known=known, use="stream")
    assert [finding.code for finding in through] == codes[2:]
    assert all(finding.message.startswith("in `$vervoer`: ") for finding in through)


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("vandaag OR morgen", 1),  # one look
        ("vandaag NEAR/3 morgen", 1),
        ("vandaag NEAR/S morgen", 0.3 * 40),
        ("vandaag NEAR/S zeldzaam", 0),
        ("(vandaag OR zeldzaam OR lang:nl) huis", 0),
        ("vandaag lang:nl", 0.3 * 20),
        ("2 OF (vandaag lang:nl, morgen lang:nl, zeldzaam lang:nl)", 0.3 * 60),
        ("huis OR lang:nl", 20),  # every post is read again
    ],
)
def test_what_a_rule_costs_goes_by_the_posts_that_have_its_words(
    query: str, operations: float
) -> None:
    tree = parse(query).tree
    found = cost(tree, Counted())
    assert found is not None
    assert found.operations == pytest.approx(operations)
    fixed = operations in (1, 20)
    assert (cost(tree, None) is not None) is fixed


def test_words_that_must_meet_are_not_called_broad() -> None:
    for query in ("vandaag NEAR/5 morgen", "vandaag woning", "vandaag lang:nl", "woning"):
        assert not lint_query(query, known=KNOWN)


def test_what_is_excluded_makes_it_less_broad() -> None:
    for query in ("vandaag OR fatbike EXCLUDE advertentie", "$vervoer OR vandaag"):
        assert [each.code for each in lint_query(query, known=KNOWN)] == ["R302"]
    assert not lint_query("vandaag EXCLUDE morgen", known=KNOWN)


@pytest.mark.parametrize(
    ("day", "expires", "codes"),
    [
        (date(2026, 8, 31), "2027-02-28", []),
        (date(2026, 8, 31), "2027-03-01", []),
        (date(2026, 8, 31), "2027-03-02", ["R504"]),
        (date(2026, 12, 1), "2026-12-01", ["R503"]),
        (date(2026, 12, 1), "2026-12-02", []),
    ],
)
def test_a_rule_is_looked_at_again_within_six_months(
    day: date, expires: str, codes: list[str]
) -> None:
    findings = lint_rule(rule(f"expires = {expires}"), day, known=KNOWN)
    assert [each.code for each in findings] == codes


WORDS = (
    *("huis", "Huis*", "#huis", '"een huis"~2', "case:AZC", "lemma:lopen", "part:huis", "in", "🔥"),
    *("AND", "OR", "NOT", "EXCLUDE", "NEAR/3", "ONEAR/1", "NEAR/S", "2 OF (", "(", ")", ",", '"'),
    *("lang:nl", "lang:en", "date:2026", "kind:post", "$vervoer", "$nep", "@jan", "moslims", "\n"),
)


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=14).map(" ".join))
@settings(max_examples=1_000, deadline=None)
def test_whatever_is_written_every_finding_has_a_known_code_and_a_place_in_it(query: str) -> None:
    for each in lint_query(query, known=KNOWN, use="stream"):
        assert each.severity == CHECKS[each.code].severity
        assert each.spot is not None
        line = query.split("\n")[each.spot.line - 1]
        assert each.spot.text == line
        assert 1 <= each.spot.column <= len(line) + 1
        assert each.spot.pointed.count("\n") == 1
        assert each.message.isprintable()


def test_a_query_too_deep_to_be_compared_is_still_read_over() -> None:
    deep = "moslims"
    for number in range(38):
        deep = (
            f"({deep} OR (w{number} x{number} " + " ".join(f"y{number}{n}" for n in range(9)) + "))"
        )
    assert [each.code for each in lint_query(deep, known=KNOWN)] == ["R401"]


def test_long_queries_and_lists_are_checked_in_a_moment() -> None:
    many = " OR ".join(f"(woord{number} NEAR/5 ander{number})" for number in range(700))
    assert not lint_query(many[:19_000].rpartition(" OR ")[0], known=KNOWN)
    assert not lint_query("x" * 3 + "".join(f" NOT w{n}" for n in range(1_500)), known=KNOWN)
    entries = tuple(f"lang{number}woord" for number in range(5_000))
    assert not lint_list(
        KeywordList(id="l", version=1, title="t", owner="o", entries=entries), known=KNOWN
    )
