from datetime import date
from pathlib import Path

import pytest

from rules.documents import Book, Outcome, run_examples
from rules.files import load_book, sound
from rules.life.exporting import written
from rules.lint.linter import check
from stream.errors import Stop

SHIPPED = load_book(Path(__file__).parents[2] / "config")

RULE = """
id = "a-rule"
title = "A"
purpose = "p"
category = "c"
owner = "o"
expires = 2027-01-01
query = "{query}"
"""


def book(folder: Path, query: str, *, extra: str = "") -> Book:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "a-rule.toml").write_text(RULE.format(query=query) + extra)
    return load_book(folder)


SPECIAL = "special_category = true\n"


def test_a_special_category_has_a_ground_and_a_second_person(tmp_path: Path) -> None:
    extra = f'{SPECIAL}ground = "9(2)(g)"\napproved_by = "officer"\n'
    assert book(tmp_path, "geloof", extra=extra).is_special("a-rule")


@pytest.mark.parametrize(
    "extra",
    [
        'ground = "9(2)(g)"\napproved_by = "O "\n',
        'ground = "9(2)(g)"\n',
        'approved_by = "officer"\n',
    ],
)
def test_without_both_it_is_refused(tmp_path: Path, extra: str) -> None:
    (unread,) = book(tmp_path, "geloof", extra=SPECIAL + extra).unread
    assert (unread.name, unread.text) == ("a-rule", SPECIAL.strip())
    assert "somebody else than its owner" in unread.why


@pytest.mark.parametrize("outcome", run_examples(SHIPPED), ids=str)
def test_every_example_of_the_shipped_rules_holds(outcome: Outcome) -> None:
    assert outcome.passed


FIELDS = "source:city-news platform:feeds kind:reply has:link has:media date:2026-11-24"
AS_ASKED = """
[[{kind}]]
text = "een huis"
source = "city-news"
platform = "feeds"
kind = "reply"
link = true
media = true
date = 2026-11-24
"""


def test_an_example_says_what_its_post_is_beside_the_text(tmp_path: Path) -> None:
    asked = AS_ASKED.format(kind="match")
    others = [
        AS_ASKED.format(kind="no_match").replace(line, f"{line.split(' = ')[0]} = {other}")
        for line, other in (
            ('source = "city-news"', '"trial"'), ('platform = "feeds"', '"example"'),
            ('kind = "reply"', '"post"'), ("link = true", "false"), ("media = true", "false"),
            ("date = 2026-11-24", "2026-11-25"),
        )
    ]  # fmt: skip
    found = book(tmp_path, f"huis {FIELDS}", extra=asked + "".join(others))
    assert not found.unread
    assert [(each.expected, each.passed) for each in run_examples(found)] == [
        (True, True), *[(False, True)] * 6,
    ]  # fmt: skip
    (tmp_path / "rules" / "a-rule.toml").write_text(written(found.rules["a-rule"]))
    assert load_book(tmp_path) == found
    (unread,) = book(tmp_path, "huis", extra='[[match]]\ntext = "a"\nkind = "tweet"\n').unread
    assert (unread.line, unread.text) == (11, 'kind = "tweet"')


def test_the_shipped_rules_have_no_findings() -> None:
    assert check(SHIPPED, today=date(2026, 11, 24)) == []
    assert (len(SHIPPED.rules) >= 15, SHIPPED.unread) == (True, ())


def test_a_misspelt_key_is_told_with_the_right_one(tmp_path: Path) -> None:
    (unread,) = book(tmp_path, "a", extra='grund = "x"\n').unread
    assert "did you mean 'ground'" in unread.why
    assert (unread.line, unread.column) == (9, 1)
    (unread,) = book(tmp_path, "a", extra='[[match]]\nlang = "nl"\ntekst = "x"\n').unread
    assert "did you mean 'text'" in unread.why
    assert (unread.line, unread.text) == (11, 'tekst = "x"')


def test_a_group_name_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "protected.toml").write_text(
        'id = "protected"\nversion = 1\ntitle = "t"\nowner = "o"\nlint = true\n'
        'entries = ["groep"]\n'
    )
    alone = check(book(tmp_path, "groep OR ander"), today=date(2026, 11, 24))
    assert [each.severity for each in alone if "group" in each.message] == ["error"]
    beside = check(book(tmp_path, "groep NEAR/5 bedreigd"), today=date(2026, 11, 24))
    assert not [each for each in beside if "group" in each.message]


def test_a_title_changes_no_version_and_a_word_does(tmp_path: Path) -> None:
    today = date(2026, 11, 24)
    (first,) = book(tmp_path, "woord").active(today=today)
    (again,) = book(tmp_path, "woord -- note", extra='ground = "x"\n').active(today=today)
    (other,) = book(tmp_path, "woorden").active(today=today)
    assert first.version == again.version != other.version


LIST = 'id = "{name}"\nversion = {version}\ntitle = "t"\nowner = "o"\nentries = ["woning"]\n'


def words(folder: Path, file: str, *, name: str = "mm", version: str = "3") -> None:
    (folder / "lists").mkdir(exist_ok=True)
    (folder / "lists" / file).write_text(LIST.format(name=name, version=version))


@pytest.mark.parametrize("name", ["a@b", "A", "-a", "a_b", "a.b", "é", ""])
def test_an_id_is_small_letters_digits_and_hyphens(tmp_path: Path, name: str) -> None:
    (tmp_path / "rules").mkdir()
    text = RULE.format(query="a").replace("a-rule", name)
    (tmp_path / "rules" / f"{name}.toml").write_text(text)
    words(tmp_path, f"{name}.toml", name=name)
    found = load_book(tmp_path)
    assert (found.rules, found.lists) == ({}, {})
    assert [f"{name!r} cannot be an id" in each.why for each in found.unread] == [True, True]


@pytest.mark.parametrize("version", ["0", "-1", str(2**31), "1" * 5_000, "[" * 100_000])
def test_a_version_that_no_database_holds_is_refused(tmp_path: Path, version: str) -> None:
    words(tmp_path, "mm.toml", version=version)
    (unread,) = load_book(tmp_path).unread
    assert unread.file == "lists/mm.toml"


def test_two_files_of_the_same_version_are_refused(tmp_path: Path) -> None:
    words(tmp_path, "mm.toml")
    words(tmp_path, "mm@3.toml")
    found = load_book(tmp_path)
    assert [str(each).split(";")[0] for each in found.unread] == [
        "lists/mm@3.toml: lists/mm.toml is also version 3 of list mm"
    ]
    assert (set(found.lists), found.older) == ({"mm"}, ())
    words(tmp_path, "mm.toml", version="4")
    assert [each.version for each in load_book(tmp_path).older] == [3]


def test_a_file_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    whole = book(tmp_path, "woord")
    words(tmp_path, "mm.toml")
    (tmp_path / "rules" / "b-rule.toml").write_bytes(b'id = "b-rule"\ntitle = "caf\xe9"\n')
    (tmp_path / "rules" / "c-rule.toml").mkdir()
    (tmp_path / "lists" / "nn.toml").write_text("entries = [")
    found = load_book(tmp_path)
    assert (found.rules, set(found.lists)) == (whole.rules, {"mm"})
    places = {each.name: (each.line, each.column) for each in found.unread}
    assert places == {"b-rule": (2, 13), "c-rule": (0, 0), "$nn": (1, 12)}
    assert str(found.unread[1]) == "rules/c-rule.toml: it cannot be opened (Is a directory)"
    with pytest.raises(Stop, match=r"rules/b-rule.toml, line 2, column 13: it is not UTF-8"):
        found.check_read("b-rule")
    found.check_read("a-rule")


def test_a_query_or_a_list_with_mistakes_costs_only_itself(tmp_path: Path) -> None:
    whole = book(tmp_path, "woord")
    words(tmp_path, "mm.toml")
    words(tmp_path, "protected.toml", name="protected")
    guarded = tmp_path / "lists" / "protected.toml"
    guarded.write_text(LINT + guarded.read_text())
    (tmp_path / "rules" / "b-rule.toml").write_text(
        RULE.format(query="woord AND (").replace("a-rule", "b-rule")
    )
    words(tmp_path, "nn.toml", name="nn")
    listed = tmp_path / "lists" / "nn.toml"
    listed.write_text(listed.read_text().replace("entries = [", 'entries = ["a AND", '))
    found = sound(load_book(tmp_path))
    assert (found.rules, set(found.lists)) == (whole.rules, {"mm", "protected"})
    assert [each.name for each in found.unread] == ["b-rule", "$nn"]
    assert "line 1, column 11: a closing bracket" in str(found.unread[0])
    assert "entry 'a AND' is not" in str(found.unread[1])
    assert all(each.passed for each in run_examples(found))


LINT = "lint = true\n"


def test_a_list_that_may_name_groups_is_withheld_until_it_is_read(tmp_path: Path) -> None:
    words(tmp_path, "protected.toml", name="protected")
    words(tmp_path, "mm.toml")
    guarded = tmp_path / "lists" / "protected.toml"
    guarded.write_text(guarded.read_text() + LINT)
    (tmp_path / "lists" / "nn.toml").write_text("entries = [")
    assert load_book(tmp_path).withheld() == []  # the other one says what may not be
    guarded.write_text(LINT + "entries = [")
    assert [each.name for each in load_book(tmp_path).withheld()] == ["$nn", "$protected"]


def test_a_folder_that_cannot_be_looked_into_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("a file")
    with pytest.raises(Stop, match="cannot be looked into"):
        load_book(tmp_path)


@pytest.mark.parametrize(
    "ending",
    ["TOML", "Toml", "tml", "tolm", "toml ", "toml.", "toml.txt", "TOML.TXT", "tml.text"],
)
def test_a_file_whose_ending_nearly_is_one_is_told(tmp_path: Path, ending: str) -> None:
    whole = book(tmp_path, "woord")
    words(tmp_path, "mm.toml")
    (tmp_path / "rules" / "b-rule.toml").write_text(RULE.format(query="a").replace("a-r", "b-r"))
    (tmp_path / "rules" / "b-rule.toml").rename(tmp_path / "rules" / f"b-rule.{ending}")
    words(tmp_path, f"nn.{ending}", name="nn")
    (tmp_path / "rules" / f"map.{ending}").mkdir()
    found = load_book(tmp_path)
    assert (found.rules, set(found.lists)) == (whole.rules, {"mm"})
    assert [(each.name, each.lint) for each in found.unread] == [("b-rule", False), ("$nn", False)]
    assert str(found.unread[0]) == (
        f"rules/b-rule.{ending}: only what ends in .toml, in small letters, is read; rename it to "
        "b-rule.toml"
    )
    with pytest.raises(Stop, match="rename it to b-rule"):
        found.check_read("b-rule")


@pytest.mark.parametrize("ending", ["tml", "toml.txt"])
def test_a_file_beside_the_one_that_it_is_nearly_called_as_costs_that_nothing(
    tmp_path: Path, ending: str
) -> None:
    whole = book(tmp_path, "woord")
    (tmp_path / "rules" / f"a-rule.{ending}").write_text("")
    found = load_book(tmp_path)
    assert found.rules == whole.rules
    assert [each.name for each in found.unread] == [f"a-rule.{ending}"]
    assert "there is a-rule.toml too: take one of them out" in str(found.unread[0])


def test_what_editors_leave_and_other_files_are_passed_over(tmp_path: Path) -> None:
    whole = book(tmp_path, "woord")
    for name in ("a-rule.toml~", "a-rule.toml.bak", ".a-rule.toml.swp", "#a-rule.toml#",
                 "README", "README.md", ".gitkeep", "NOTES.html", "a.rule.txt"):  # fmt: skip
        (tmp_path / "rules" / name).write_text("")
    assert load_book(tmp_path) == whole


def test_a_byte_order_mark_is_none_of_the_text(tmp_path: Path) -> None:
    words(tmp_path, "mm.toml")
    file = tmp_path / "lists" / "mm.toml"
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert load_book(tmp_path).lists["mm"].version == 3
