from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from enrich.worker import SPECIAL_TERM_MS
from peil.guidance import personal
from rules.documents import Book, Example, KeywordList, RuleDocument, Unread
from rules.files import load_book
from rules.life.exporting import export, written
from rules.life.fresh import FRESH_MS
from rules.life.history import OUTGOING_MS, state_of
from rules.life.library import Library
from rules.life.readers import ReadersBook, shown_in, standing_in
from rules.life.readiness import missing
from rules.life.special import HELD_MS, Special
from rules.life.states import states
from rules.life.syncing import Synced, differing, sync
from rules.life.takeover import adopt, carry_over, end_overdue
from rules.life.versions import Version, resolve
from stream.clock import DAY_MS, ManualClock
from stream.errors import Stop
from stream.post import Place, Post
from stream.testing import START

SHIPPED = load_book(Path(__file__).parents[2] / "config")
TODAY = date(2026, 11, 24)
LATE = date(2027, 3, 1)


def document(query: str = "woord", **changes: object) -> RuleDocument:
    made = RuleDocument(
        id="a-rule", title="A", purpose="p", category="c", owner="o", expires=LATE, query=query,
        match=(Example("een woord huis west oost"),), no_match=(Example("niets ervan"),),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def words(*entries: str, version: int = 1) -> KeywordList:
    return KeywordList(id="wijken", version=version, title="t", owner="o", entries=entries)


def book(*rules: RuleDocument, lists: tuple[KeywordList, ...] = ()) -> Book:
    return Book(
        rules={each.id: each for each in rules}, lists={each.id: each for each in lists}
    )  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def library(database: Engine, clock: ManualClock) -> Library:
    return Library(database, clock=clock)


Bring = Callable[..., dict[str, Synced]]


@pytest.fixture
def bring(library: Library) -> Bring:
    """Sync a book, which also knows every list that there was, as a folder's book does."""

    def call(found: Book, **options: bool) -> dict[str, Synced]:
        found = msgspec.structs.replace(found, older=tuple(library.described()))
        synced = sync(library, found, by="anna", today=TODAY, **options)
        return {each.rule: each for each in synced}

    return call


def activate(library: Library, version: str, *, by: str = "bram") -> None:
    with library.turn() as turn:
        turn.move("a-rule", version, "reviewed", by=by)
        turn.move("a-rule", version, "active", by=by)


def test_a_sync_says_of_every_rule_what_its_file_is(bring: Bring, library: Library) -> None:
    first = bring(book(document()))["a-rule"]
    assert (first.what, first.state) == ("new", "draft")
    again = bring(book(document()))["a-rule"]
    assert (again.what, again.version) == ("same", first.version)
    named = bring(book(document(title="B", expires=LATE + timedelta(1))))["a-rule"]
    assert (named.what, named.version) == ("described otherwise", first.version)
    (standing,) = library.standings()["a-rule"]
    assert standing.version.document.title == "B"
    (change,) = library.redescribed("a-rule")
    assert (change.by, change.version) == ("anna", first.version)
    assert change.what == f"title was A, is B; expires was {LATE}, is {LATE + timedelta(1)}"
    changed = bring(book(document("woorden")))["a-rule"]
    assert (changed.what, changed.state) == ("changed", "draft")
    assert changed.version != first.version
    activate(library, changed.version)
    gone = bring(book())["a-rule"]
    assert (gone.what, gone.state) == ("gone", "active")
    assert "peil rules withdraw a-rule" in gone.says


@pytest.mark.parametrize("alone", [False, True])
def test_a_sync_tells_of_drafts_whose_file_is_gone(
    bring: Bring, library: Library, *, alone: bool
) -> None:
    files = book(document())
    draft = bring(files, single_author=alone, as_drafts=True)["a-rule"].version
    gone = bring(book(), single_author=alone)["a-rule"]
    assert (gone.what, gone.version, gone.state) == ("gone", draft, "draft")
    assert f"its file is gone, and there is still {draft} (draft): " in gone.says
    assert f"`peil rules withdraw a-rule --version {draft}`" in gone.says
    active = bring(files, single_author=True)["a-rule"].version
    draft = bring(book(document("huis")), as_drafts=True)["a-rule"].version
    both = bring(book(), single_author=alone)["a-rule"]
    assert (both.version, both.state) == (active, "expired" if alone else "active")
    assert f"{draft} (draft): " in both.says
    assert (f"{active} (active), " in both.says) is not alone
    found = {each.version.version: each.state for each in library.standings()["a-rule"]}
    assert found == {active: both.state, draft: "draft"}
    with library.turn() as turn:
        for version in (draft,) if alone else (active, draft):
            turn.move("a-rule", version, "withdrawn", by="anna")
    assert bring(book(), single_author=alone) == {}


def test_what_is_brought_in_while_somebody_reads_is_there_as_a_whole_or_not_at_all(
    bring: Bring, library: Library, database: Engine
) -> None:
    bring(book(document()))
    waiting = [document("ander", id="b-rule")]

    def meanwhile(*_: object) -> None:
        if waiting:
            one = Thread(target=bring, args=(book(document(), waiting.pop()),))
            one.start()
            one.join()

    event.listen(database, "after_cursor_execute", meanwhile)
    assert [*library.standings()] == ["a-rule"]
    event.remove(database, "after_cursor_execute", meanwhile)
    assert [*library.standings()] == ["a-rule", "b-rule"]


def test_a_part_of_the_files_ends_no_other_rule(bring: Bring, library: Library) -> None:
    first = bring(book(document()), single_author=True)["a-rule"]
    assert set(bring(book(document(id="b-rule")), single_author=True, whole=False)) == {"b-rule"}
    assert state_of(library.history("a-rule"), first.version) == "active"


def test_one_bad_file_keeps_no_other_out(bring: Bring) -> None:
    other = document("woord AND (", id="b-rule")
    found = bring(book(document(), other))
    assert (found["a-rule"].what, found["b-rule"].what) == ("new", "wrong")
    assert "line 1" in found["b-rule"].says


def unread(name: str) -> Unread:
    return Unread(file=f"{name}.toml", name=name, why="no TOML", line=1, column=1)


def without(found: Book, *names: str) -> Book:
    """The book when these files cannot be read."""
    return msgspec.structs.replace(
        found,
        rules={name: each for name, each in found.rules.items() if name not in names},
        lists={name: each for name, each in found.lists.items() if f"${name}" not in names},
        unread=tuple(unread(name) for name in names),
    )


@pytest.mark.parametrize("single_author", [True, False])
def test_what_cannot_be_read_goes_on_as_it_was(
    bring: Bring, library: Library, *, single_author: bool
) -> None:
    whole = book(document("$wijken OR woord"), document(id="b-rule"), lists=(words("oost"),))
    version = bring(whole, single_author=True)["a-rule"].version
    found = bring(without(whole, "a-rule"), single_author=single_author)
    assert (found["a-rule"].what, found["a-rule"].says) == ("wrong", str(unread("a-rule")))
    assert found["b-rule"].what == "same"
    found = bring(without(whole, "$wijken"), single_author=single_author)
    assert (found["$wijken"].what, found["a-rule"].what) == ("wrong", "same")
    assert state_of(library.history("a-rule"), version) == "active"
    assert [each.name for each in library.lists()] == ["wijken"]


def test_nothing_is_ready_while_a_list_that_names_groups_cannot_be_read() -> None:
    version = resolve(document(), book().lookup())
    (said,) = missing(version, book=without(book(document()), "$protected"), today=TODAY)
    assert "may name a group" in said
    held = msgspec.structs.replace(words("oost"), id="protected")
    known = msgspec.structs.replace(without(book(document()), "$protected"), older=(held,))
    assert missing(version, book=known, today=TODAY) == []


def test_readers_have_the_last_version_of_what_cannot_be_read(
    bring: Bring, library: Library
) -> None:
    whole = book(document(), document(id="b-rule"))
    bring(whole)
    broken = without(whole, "a-rule", "c-rule")
    assert standing_in(broken, library.standings()).rules == whole.rules
    first, _ = states(broken, library.standings())
    assert (first.rule, first.state, first.says) == ("a-rule", "wrong", str(unread("a-rule")))


def test_readers_have_what_counts_and_not_what_a_file_says_since(
    bring: Bring, library: Library
) -> None:
    activate(library, bring(book(document()))["a-rule"].version)
    files = book(document("woorden", purpose="another one"), document(id="b-rule", title="B"))
    for seen in (files, without(files, "a-rule")):
        shown = standing_in(seen, library.standings())
        assert shown.rules == {"a-rule": document(), "b-rule": files.rules["b-rule"]}
    bring(files)
    assert standing_in(files, library.standings()).rules["a-rule"] == document()
    assert standing_in(book(), library.standings()).rules == {"a-rule": document()}


def test_readers_see_counts_of_what_counts_or_did_and_of_nothing_else(
    bring: Bring, library: Library, clock: ManualClock
) -> None:
    first = bring(book(document(), document(id="b-rule")))["a-rule"].version
    shown = shown_in(book(document(), document(id="b-rule")), library)
    assert (shown.book.rules, shown.ended) == ({}, {})
    activate(library, first)
    files = book(document("woorden", purpose="another one"), document("(", id="c-rule"))
    shown = shown_in(files, library)
    assert (shown.book.rules, shown.ended) == ({"a-rule": document()}, {})
    clock.advance(DAY_MS)
    with library.turn() as turn:
        turn.move("a-rule", first, "withdrawn", by="anna")
        (draft,) = (each.change.version for each in turn.standings()["b-rule"])
        turn.move("b-rule", draft, "withdrawn", by="anna")
    ended = clock.now()
    clock.advance(DAY_MS)
    with library.turn() as turn:
        turn.move("a-rule", first, "reviewed", by="bram")
    shown = shown_in(files, library)
    assert (shown.book.rules, shown.ended) == ({"a-rule": document()}, {"a-rule": ended})
    with library.turn() as turn:
        turn.move("a-rule", first, "active", by="bram")
    assert shown_in(files, library).ended == {}


@pytest.mark.parametrize("single_author", [True, False])
def test_what_counts_is_not_described_by_what_leads_to_a_person_or_fails(
    library: Library, *, single_author: bool
) -> None:
    def brought(found: RuleDocument) -> Synced:
        (synced,) = sync(
            library, book(found), by="anna", today=TODAY, single_author=single_author,
            personal=personal,
        )  # fmt: skip
        return synced

    version = brought(document()).version
    if not single_author:
        activate(library, version)
    wrongs: list[dict[str, Any]] = [
        {"title": "Bel 06 12345678"}, {"match": (Example("niets"),)}, {"owner": ""}
    ]  # fmt: skip
    for changes in wrongs:
        wrong = brought(document(**changes))
        assert (wrong.what, wrong.version, wrong.state) == ("wrong", version, "active")
        assert wrong.says.startswith("it stays described as it was: ")
        (held,) = library.standings()["a-rule"]
        assert held.version.document == document()
    over = brought(document(title="B", expires=TODAY))  # how a rule is ended is no mistake
    assert over.what == "described otherwise"


def test_a_list_without_a_file_is_forgotten_when_no_rule_goes_on_with_it(
    bring: Bring, library: Library, tmp_path: Path
) -> None:
    lists = (words("oost"), msgspec.structs.replace(words("zuid"), id="ander"))
    bring(book(document("$wijken OR woord"), lists=lists), single_author=True)
    bring(book(document("$wijken OR woord"), lists=lists[:1]), whole=False)
    assert [each.name for each in library.lists()] == ["ander", "wijken"]
    bring(book(document("$wijken OR woord")))
    assert [each.name for each in library.lists()] == ["wijken"]  # the rule names it
    bring(book(), single_author=True)
    assert library.lists() == ()
    assert export(library, tmp_path) == []
    again = bring(book(document("$wijken OR woord"), lists=lists[:1]), single_author=True)
    assert again["a-rule"].state == "active"


def test_files_that_were_not_brought_in_are_told(bring: Bring, library: Library) -> None:
    assert list(differing(library, book(document()))) == ["a-rule"]
    bring(book(document()))
    assert list(differing(library, book(document()))) == []
    assert list(differing(library, book(document(title="B")))) == ["a-rule"]
    assert list(differing(library, book(document("woord AND (")))) == ["a-rule"]


def test_a_list_is_as_its_version_was_for_good(bring: Bring) -> None:
    bring(book(document("$wijken"), lists=(words("oost"),)))
    found = bring(book(document("$wijken", title="B"), lists=(words("west"),)))
    assert (found["$wijken"].what, found["a-rule"].what) == ("wrong", "described otherwise")
    assert (
        "has other entries than its version 1 had: raise its version to 2" in found["$wijken"].says
    )
    newer = bring(book(document("$wijken"), lists=(words("west", version=2),)))["a-rule"]
    assert newer.what == "changed"
    back = bring(book(document("$wijken"), lists=(words("oost"),)))
    assert "was version 2 already: raise its version to 3" in back["$wijken"].says
    assert (back["a-rule"].what, back["a-rule"].version) == ("same", newer.version)


def test_a_pinned_list_is_that_of_then(bring: Bring, library: Library) -> None:
    bring(book(document("$wijken"), lists=(words("oost"),)))
    both = "$wijken@1 OR $wijken"
    synced = bring(book(document(both), lists=(words("west", version=2),)))["a-rule"]
    held = {each.version.version: each.version for each in library.standings()["a-rule"]}
    assert [each.version for each in held[synced.version].lists] == [1, 2]
    alone = document("woord OR $wijken@1")
    bring(book(alone, lists=(words("zuid", version=3),)))
    (newest,) = [
        each.version for each in library.standings()["a-rule"] if each.version.document == alone
    ]  # fmt: skip
    assert [each.entries for each in newest.lists] == [("oost",)]
    assert newest.activate().version == newest.version


def test_the_mark_of_a_special_category_comes_off_with_a_new_version(bring: Bring) -> None:
    marked = document(special_category=True, ground="9(2)(g)", approved_by="officer")
    bring(book(marked))
    refused = bring(book(document()))["a-rule"]
    assert (refused.what, "special category" in refused.says) == ("wrong", True)
    assert bring(book(document("woorden")))["a-rule"].what == "changed"
    assert bring(book(document()), single_author=True)["a-rule"].what == "described otherwise"


def test_with_a_single_author_what_is_ready_counts_at_once(bring: Bring, library: Library) -> None:
    first = bring(book(document()), single_author=True)["a-rule"]
    assert first.state == "active"
    bad = bring(book(document("woorden")), single_author=True)["a-rule"]
    assert (bad.what, bad.state) == ("changed", "draft")
    assert "it does not count: a-rule should match and does not" in bad.says
    history = library.history("a-rule")
    assert state_of(history, first.version) == "active"
    good = bring(book(document("woord OR woorden")), single_author=True)["a-rule"]
    back = bring(book(document()), single_author=True)["a-rule"]
    assert (good.state, back.state) == ("active", "active")
    assert state_of(library.history("a-rule"), good.version) == "outgoing"
    ended = bring(book(), single_author=True)["a-rule"]
    assert (ended.what, ended.state) == ("gone", "expired")
    assert bring(book(document()), single_author=True)["a-rule"].state == "active"


def test_what_a_person_stopped_or_put_beside_stays_so(bring: Bring, library: Library) -> None:
    version = bring(book(document()), single_author=True)["a-rule"].version
    with library.turn() as turn:
        turn.move("a-rule", version, "withdrawn", by="anna", single_author=True)
    again = bring(book(document()), single_author=True)["a-rule"]
    assert (again.what, again.state) == ("same", "withdrawn")
    assert "stays so" in again.says
    other = bring(book(document("huis")), single_author=True, as_drafts=True)["a-rule"]
    assert other.state == "draft"
    with library.turn() as turn:
        turn.move("a-rule", other.version, "shadow", by="anna", single_author=True)
    assert bring(book(document("huis")), single_author=True)["a-rule"].state == "shadow"


def test_what_is_missing_is_said_in_full() -> None:
    wrong = document("woord", owner="", expires=TODAY, match=(Example("iets anders"),))
    found = "\n".join(missing(resolve(wrong, book().lookup()), book=book(), today=TODAY))
    assert "owner" in found
    assert f"it expired on {TODAY}" in found
    unlike = document("woord", match=(Example("iets anders"),))
    (example,) = missing(resolve(unlike, book().lookup()), book=book(), today=TODAY)
    assert "should match and does not" in example
    assert missing(resolve(document(), book().lookup()), book=book(), today=TODAY) == []


def test_examples_are_tried_with_what_posts_get() -> None:
    def delft(post: Post) -> Post:
        return msgspec.structs.replace(post, places=(Place("Delft", "city", 0, 1),))

    version = resolve(document("woord place:delft"), book().lookup())
    assert missing(version, book=book(), today=TODAY, enrich=delft) == []
    assert missing(version, book=book(), today=TODAY) != []


def test_a_group_alone_is_missing_its_behaviour_also_by_a_list() -> None:
    groups = msgspec.structs.replace(words("west"), id="protected", lint=True)
    version = resolve(document("$wijken"), book(lists=(words("west"),)).lookup())
    (found,) = missing(version, book=book(lists=(groups,)), today=TODAY)
    assert "group" in found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"query": '"06 12345678" OR woord'}, "phone"),
        ({"query": "woord OR $wijken"}, "phone"),
        ({"title": "Ask jan.jansen@example.org"}, "email"),
        ({"id": "arule"}, "its name is nearly that of a-rule"),
    ],
)
def test_what_leads_to_a_person_or_has_anothers_name_is_not_ready(
    changes: dict[str, object], said: str
) -> None:
    lists = (words('"06 12345678"'),)
    version = resolve(document(**changes), book(lists=lists).lookup())
    whole = book(document(), version.document, lists=lists)
    (found,) = missing(version, book=whole, today=TODAY, personal=personal)
    assert said in found


def test_every_shipped_rule_is_ready() -> None:
    for each in SHIPPED.rules.values():
        version = resolve(each, SHIPPED.lookup())
        assert missing(version, book=SHIPPED, today=TODAY, personal=personal) == [], each.id


def test_what_counts_as_special_does_so_as_long_as_its_posts_are_held(
    bring: Bring, library: Library, clock: ManualClock
) -> None:
    special = Special(library)
    assert not special("a-rule")
    marked = document(special_category=True, ground="9(2)(g)", approved_by="officer")
    version = bring(book(marked), single_author=True)["a-rule"].version
    assert not special("a-rule")  # seen a moment ago
    clock.advance(FRESH_MS)
    assert special("a-rule")
    bring(book(document("woord OR huis")), single_author=True)
    clock.advance(OUTGOING_MS)
    assert special("a-rule")  # the marked one is counted beside the other
    assert not special("b-rule")
    with library.turn() as turn:
        turn.move("a-rule", version, "withdrawn", by="anna")
    clock.advance(SPECIAL_TERM_MS)
    assert special("a-rule")
    clock.advance(HELD_MS - SPECIAL_TERM_MS)
    assert not special("a-rule")


def test_a_mark_that_goes_counts_as_long_and_one_that_never_counted_does_not(
    bring: Bring, library: Library, clock: ManualClock
) -> None:
    marked = document(special_category=True, ground="9(2)(g)", approved_by="officer")
    draft = msgspec.structs.replace(marked, id="b-rule")
    bring(book(marked), single_author=True)
    bring(book(draft), whole=False)
    clock.advance(1)
    bring(book(document(), document(id="b-rule")), single_author=True)  # the same queries
    clock.advance(HELD_MS - 1)
    special = Special(library)
    assert (special("a-rule"), special("b-rule")) == (True, False)
    clock.advance(FRESH_MS)
    assert not special("a-rule")


def test_readers_see_a_rule_as_it_counts_soon_after_it_does(
    bring: Bring, library: Library, clock: ManualClock
) -> None:
    reading = ReadersBook(book(document(title="Before")), library)
    assert reading().rules["a-rule"].title == "Before"
    bring(book(document(title="After"), document(id="b-rule")), single_author=True)
    assert "b-rule" not in reading().rules  # seen a moment ago
    clock.advance(FRESH_MS)
    assert reading().rules["a-rule"].title == "After"
    assert "b-rule" in reading().rules


def test_what_was_published_before_is_adopted_once(library: Library) -> None:
    old = resolve(document("$wijken"), book(lists=(words("oost"),)).lookup())
    (change,) = adopt(library, [old], by="anna")
    assert (change.name, change.state, change.by) == (old.name, "active", "anna")
    assert "adopted" in change.note
    assert [each.version for each in library.standings()["a-rule"]] == [old]
    assert [each.entries for each in library.lists()] == [("oost",)]
    assert adopt(library, [old], by="anna") == ()
    assert len(library.history("a-rule")) == 1


def stored_as(library: Library, version: Version, state: str) -> None:
    """As if another release of peil had read it."""
    with library.turn() as turn:
        turn.describe(version, by="anna")
        turn.move("a-rule", version.version, state, by="anna")


def test_what_this_release_reads_differently_goes_on_under_its_new_name(library: Library) -> None:
    now = resolve(document(), book().lookup())
    stored_as(library, msgspec.structs.replace(now, version="0123456789"), "active")
    ended, goes_on = carry_over(library)
    assert (ended.version, ended.state) == ("0123456789", "expired")
    assert (goes_on.name, goes_on.state) == (now.name, "active")
    assert carry_over(library) == ()
    found = {each.version.version: each.state for each in library.standings()["a-rule"]}
    assert found == {"0123456789": "expired", now.version: "active"}


def test_what_peil_ended_by_itself_is_told_where_rules_are_listed(
    bring: Bring, library: Library
) -> None:
    now = resolve(document(), book().lookup())
    bring(book(document()))  # a draft of its own: what counted ends with the upgrade
    stored_as(library, msgspec.structs.replace(now, version="0123456789"), "active")
    (ended,) = carry_over(library)
    (listed,) = states(book(document()), library.standings())
    assert (listed.state, listed.active) == ("draft", "")
    assert listed.says.startswith(f"{ended.name} ended on ")
    assert listed.says.endswith(f"reads {ended.name} as {now.name}")
    activate(library, now.version)
    assert states(book(document()), library.standings())[0].says == ""


def test_what_is_over_its_date_or_its_two_weeks_ends(
    bring: Bring, library: Library, clock: ManualClock
) -> None:
    old = bring(book(document()), single_author=True)["a-rule"].version
    new = bring(book(document("woord OR huis")), single_author=True)["a-rule"].version
    clock.advance(OUTGOING_MS - 1)
    assert end_overdue(library, today=TODAY) == ()
    clock.advance(1)
    (over,) = end_overdue(library, today=TODAY)
    assert (over.version, over.state, over.by) == (old, "expired", "peil")
    (expired,) = end_overdue(library, today=LATE)
    assert (expired.version, str(LATE) in expired.note) == (new, True)
    assert end_overdue(library, today=LATE + timedelta(1)) == ()


def test_where_every_rule_stands_is_said_in_a_line(bring: Bring, library: Library) -> None:
    bring(book(document()), single_author=True)
    files = book(document("woord OR huis"), document("een AND (", id="b-rule"))
    first, second = states(files, library.standings())
    assert (first.rule, first.state, first.beside) == ("a-rule", "not synced", ())
    assert first.active not in {"", first.version}
    assert (second.rule, second.state, second.version) == ("b-rule", "wrong", "")
    (alone,) = states(book(), library.standings())
    assert (alone.rule, alone.state, alone.active) == ("a-rule", "no file", first.active)


def test_what_a_rule_without_a_file_left_is_told_with_the_ways_on(
    bring: Bring, library: Library
) -> None:
    def said() -> str:
        (gone,) = states(book(), library.standings())
        assert (gone.state, gone.version) == ("no file", "")
        return gone.says

    first = bring(book(document()))["a-rule"].version
    ends = f"`peil rules withdraw a-rule --version {first}`"
    assert f"still {first} (draft): `peil rules export` writes one again; or" in said()
    assert said().endswith(f"end it with {ends}")
    activate(library, first)
    assert said().endswith(f"{first} (active): `peil rules export` writes one again; or "
                           "end it with `peil rules withdraw a-rule`")  # fmt: skip
    second = bring(book(document("woord OR huis")))["a-rule"].version
    assert f"{first} (active), {second} (draft)" in said()
    assert said().endswith(f"`peil rules withdraw a-rule --version {second}`")
    with library.turn() as turn:
        for version in (first, second):
            turn.move("a-rule", version, "withdrawn", by="bram")
    assert states(book(), library.standings()) == []


def test_what_of_a_file_waits_or_was_not_brought_in_is_said(bring: Bring, library: Library) -> None:
    activate(library, bring(book(document()))["a-rule"].version)

    def said(found: Book) -> str:
        (listed,) = states(found, library.standings())
        assert (listed.state, listed.active) == ("active", listed.version)
        return listed.says

    later = book(document(purpose="another", expires=LATE + timedelta(1)))
    assert said(book(document())) == ""
    assert said(later).startswith("its file says otherwise than what was brought in (other purpose")
    assert bring(later)["a-rule"].what == "waits"
    waits = said(later)
    assert waits.startswith(f"to be reviewed: other purpose; expires was {LATE}, is ")
    assert "asked for by anna on 2026-09-21: somebody else" in waits
    assert "`peil rules review a-rule --version " in waits
    assert said(book(document())) == ""  # who took it back waits for nothing


def test_what_is_exported_is_read_as_the_same(
    bring: Bring, library: Library, tmp_path: Path
) -> None:
    bring(SHIPPED, single_author=True)
    files = export(library, tmp_path)
    assert len(files) == len(SHIPPED.rules) + sum(not each.lint for each in SHIPPED.lists.values())
    found = load_book(tmp_path)
    assert found.rules == SHIPPED.rules
    assert {each.what for each in bring(found, single_author=True).values()} == {"same"}
    before = {path: path.read_bytes() for path in files}
    assert export(library, tmp_path) == []
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("query", ["woord", "huis"])
def test_a_file_that_an_editor_began_with_a_mark_is_read_as_a_sync_reads_it(
    bring: Bring, library: Library, tmp_path: Path, query: str
) -> None:
    bring(book(document("huis")))
    bring(book(document()))
    path = tmp_path / "rules" / "a-rule.toml"
    path.parent.mkdir()
    path.write_text(written(document(query)), "utf-8-sig")
    assert export(library, tmp_path) == ([] if query == "woord" else [path])
    assert load_book(tmp_path).rules["a-rule"] == document()


def test_what_is_brought_in_during_an_export_is_in_it_as_a_whole_or_not_at_all(
    bring: Bring, library: Library, tmp_path: Path, database: Engine
) -> None:
    before = book(document("$wijken"), lists=(words("oost"),))
    bring(before)
    after = book(document("$wijken OR huis"), lists=(words("west", version=2),))
    other = Thread(target=bring, args=(after,))

    def meanwhile(*_: object) -> None:
        if other.ident is None:
            other.start()
            other.join(1)  # it is done by then, or waits for the export

    event.listen(database, "after_cursor_execute", meanwhile)
    export(library, tmp_path / "first")
    other.join()
    event.remove(database, "after_cursor_execute", meanwhile)
    found = load_book(tmp_path / "first")
    assert (found.rules, found.lists) == (before.rules, before.lists)
    export(library, tmp_path / "second")
    found = load_book(tmp_path / "second")
    assert (found.rules, found.lists) == (after.rules, after.lists)


def test_an_export_has_the_older_lists_that_rules_name(
    bring: Bring, library: Library, tmp_path: Path, database: Engine
) -> None:
    bring(book(document("$wijken"), lists=(words("oost"),)))
    synced = bring(book(document("$wijken@1 OR huis"), lists=(words("west", version=2),)))
    export(library, tmp_path)
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == [
        "wijken.toml",
        "wijken@1.toml",
    ]
    found = load_book(tmp_path)
    assert resolve(found.rules["a-rule"], found.lookup()).version == synced["a-rule"].version


def test_an_export_loses_no_change_that_was_not_brought_in(
    bring: Bring, library: Library, tmp_path: Path
) -> None:
    bring(book(document()))
    (file,) = export(library, tmp_path)
    mine = written(document(title="mine"))
    file.write_text(mine)
    bring(book(document(), document(id="b-rule")))
    with pytest.raises(Stop, match="not brought in"):
        export(library, tmp_path)
    assert file.read_text() == mine
    assert not (tmp_path / "rules" / "b-rule.toml").exists()


TEXTS = st.text(st.characters(codec="utf-8")) | st.text("'\"\\\n\r\t #=[]a", max_size=12)
EXAMPLES = st.lists(st.builds(Example, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple)
RULES = st.builds(
    RuleDocument, id=TEXTS, title=TEXTS, purpose=TEXTS, category=TEXTS, owner=TEXTS,
    expires=st.dates(), query=TEXTS, special_category=st.booleans(), ground=TEXTS,
    match=EXAMPLES, no_match=EXAMPLES,
)  # fmt: skip
LISTS = st.builds(
    KeywordList, id=TEXTS, version=st.integers(1, 2**31 - 1), title=TEXTS, owner=TEXTS,
    entries=st.lists(TEXTS).map(tuple), lint=st.booleans(), match=EXAMPLES,
)  # fmt: skip


@given(RULES | LISTS)
def test_a_written_document_is_read_as_it_was(made: RuleDocument | KeywordList) -> None:
    assert msgspec.toml.decode(written(made).encode(), type=type(made)) == made
