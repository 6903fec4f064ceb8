import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from enrich.chain import Chain
from enrich.language import Language
from enrich.steps import Matches, Tokens
from enrich.words import Words
from enrich.worker import EnrichStep
from peil.database import open_database
from peil.folder import WorkingFolder
from peil.rulebook import Rulebook
from rules.documents import Book, Example, RuleDocument, Unread
from rules.life.history import OUTGOING_MS, UNREVIEWED
from rules.life.library import Standing
from rules.life.publishing import MANIFEST, RuleFeed, published
from rules.life.versions import resolve
from rules.lists import list_lookup
from rules.matching.matcher import Matcher
from rules.nears import MAX_NEARS
from rules.settings import RulesSettings
from stream.broker import Entry
from stream.clock import Clock, ManualClock, SystemClock, to_datetime
from stream.codec import decode, encode
from stream.errors import Retry, Stop
from stream.events import Upsert
from stream.local import LocalBroker
from stream.metrics import NoMetrics
from stream.post import Post
from stream.quarantine import Quarantine
from stream.settings import StreamSettings
from stream.testing import START, make_post
from stream.topics import LABELLED, POSTS, RULES
from stream.worker import Worker
from tests.peil.commands import Peil

LATE = date(2027, 3, 1)
MODELS = {"m": "1"}


def rule(name: str, query: str) -> RuleDocument:
    return RuleDocument(
        id=name, title=name, purpose="p", category="c", owner="o", expires=LATE, query=query,
        match=(Example("een woning en een huis", lang="nl"),),
        no_match=(Example("mooi weer", lang="nl"),),
    )  # fmt: skip


def book(*rules: RuleDocument) -> Book:
    return Book(rules={each.id: each for each in rules}, lists={})


class City:
    """The rules of one folder, and the people who work on them."""

    def __init__(self, root: Path, *, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.engine = open_database(root / "peil.db")
        self.broker = LocalBroker(root / "log", clock=clock)

    def close(self) -> None:
        self.broker.close()
        self.engine.dispose()

    def person(self, name: str, *, single_author: bool = False) -> Rulebook:
        return Rulebook(
            engine=self.engine,
            broker=lambda: self.broker,
            locks=WorkingFolder(self.root),
            clock=self.clock,
            settings=RulesSettings(single_author=single_author),
            actor=name,
        )

    def activate(self, files: Book) -> Mapping[str, str]:
        """Anna brings files in, Bram reviews and activates what is new; returns its versions."""
        versions = {
            each.rule: each.version
            for each in self.person("anna").sync(files)
            if each.state == "draft"
        }
        for name, version in versions.items():
            self.person("bram").move(name, [version], "reviewed", note="")
            self.person("bram").move(name, [version], "active", note="")
        return versions

    def counting(self) -> tuple[Mapping[str, str], set[str]]:
        """What is published: active ones, and those beside them."""
        manifest = published(self.broker)
        assert manifest is not None
        return manifest.rules, set(manifest.shadows)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = City(tmp_path, clock=ManualClock(START))
    yield city
    city.close()


def test_a_file_counts_when_somebody_else_looked_at_it(city: City) -> None:
    anna, bram = city.person("anna"), city.person("bram")
    anna.start(book(rule("wonen", "woning")), models=MODELS)
    assert city.counting() == ({}, set())
    (synced,) = anna.sync(book(rule("wonen", "woning")))
    with pytest.raises(Stop, match="brought in by anna"):
        anna.move("wonen", [synced.version], "reviewed", note="")
    with pytest.raises(Stop, match="cannot become active"):
        bram.move("wonen", [synced.version], "active", note="")
    bram.move("wonen", [synced.version], "reviewed", note="")
    anna.move("wonen", [synced.version], "shadow", note="")
    assert city.counting() == ({}, {f"wonen@{synced.version}"})
    anna.move("wonen", [synced.version], "active", note="")
    assert city.counting() == ({"wonen": synced.version}, set())


def test_a_changed_file_waits_and_its_rule_goes_on(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    city.person("anna").start(book(), models=MODELS)
    old = city.activate(book(rule("wonen", "woning")))["wonen"]
    changed = book(rule("wonen", "woning OR huis"))
    manifest = city.person("anna").start(changed, models=MODELS)
    assert manifest.rules == {"wonen": old}
    assert "files that do not count yet" in caplog.text
    new = city.activate(changed)["wonen"]
    assert city.counting() == ({"wonen": new}, {f"wonen@{old}"})


@pytest.mark.parametrize(
    "change", [{"expires": LATE + timedelta(90)}, {"purpose": "another one"}, {"ground": "9(2)(g)"}]
)
def test_a_later_end_or_another_purpose_needs_somebody_else_too(
    city: City, change: dict[str, object]
) -> None:
    anna, bram = city.person("anna"), city.person("bram")
    anna.start(book(), models=MODELS)
    version = city.activate(book(rule("wonen", "woning")))["wonen"]
    files = book(msgspec.structs.replace(rule("wonen", "woning"), **change))

    def held() -> Standing:
        (standing,) = anna.standings_of("wonen")
        return standing

    with pytest.raises(Stop, match="was not synced as its file is now"):
        anna.renew(held(), files)
    for person in (anna, bram, anna):
        (synced,) = person.sync(files)
        assert (synced.what, synced.version, synced.state) == ("waits", version, "active")
        assert held().version.document == rule("wonen", "woning")
    with pytest.raises(Stop, match="anna asked for this change"):
        anna.renew(held(), files)
    (done,) = bram.renew(held(), files)
    assert (done.state, done.by, done.note) == ("active", "bram", "reviewed, asked for by anna")
    assert held().version.document == files.rules["wonen"]
    assert city.counting() == ({"wonen": version}, set())
    assert bram.renew(held(), files) == ()
    notes = [(each.by, each.note[:15]) for each in anna.library.history("wonen")]
    assert notes[-2:] == [("anna", "to be reviewed:"), ("bram", "reviewed, asked")]


def test_nobody_reviews_a_purpose_that_they_wrote_themselves(tmp_path: Path) -> None:
    clock = ManualClock(START)
    city = City(tmp_path, clock=clock)
    anna, bram, carl = (city.person(name) for name in ("anna", "bram", "carl"))
    made = rule("wonen", "woning")
    anna.start(book(), models=MODELS)

    def brought(person: Rulebook, **changes: object) -> None:
        clock.advance(1)
        (synced,) = person.sync(book(msgspec.structs.replace(made, **changes)))
        assert synced.what in {"new", "described otherwise"}

    def review(person: Rulebook) -> None:
        clock.advance(1)
        (standing,) = person.standings_of("wonen")
        person.move("wonen", [standing.change.version], "reviewed", note="reviewed, asked for by x")

    def withdraw() -> None:
        clock.advance(1)
        (standing,) = anna.standings_of("wonen")
        note = "reviewed, asked for by anna"  # whatever somebody writes there is no review
        anna.move("wonen", [standing.change.version], "withdrawn", note=note)

    brought(anna)
    brought(bram, purpose="another one")
    with pytest.raises(Stop, match="bram changed the end, the purpose or the ground"):
        review(bram)
    brought(bram, title="B")  # it is as anna had it
    review(bram)
    withdraw()
    brought(bram, expires=LATE + timedelta(1))
    withdrawn = anna.standings_of("wonen")[0].state
    assert withdrawn == "withdrawn"
    with pytest.raises(Stop, match="bram changed the end"):
        review(bram)
    review(carl)
    withdraw()
    brought(bram, expires=LATE + timedelta(1), title="C")
    review(bram)  # the later end was looked at
    city.close()


def test_the_review_of_a_later_end_is_one_of_its_version(tmp_path: Path) -> None:
    clock = ManualClock(START)
    city = City(tmp_path, clock=clock)
    anna, bram = city.person("anna"), city.person("bram")
    anna.start(book(), models=MODELS)
    version = city.activate(book(rule("wonen", "woning")))["wonen"]
    later = book(msgspec.structs.replace(rule("wonen", "woning"), expires=LATE + timedelta(9)))
    clock.advance(1)
    bram.sync(later)
    (held,) = anna.standings_of("wonen")
    clock.advance(1)
    assert anna.renew(held, later)
    assert [each.by for each in anna.library.redescribed("wonen")] == ["bram"]
    clock.advance(1)
    anna.move("wonen", [version], "expired", note="")
    clock.advance(1)
    bram.move("wonen", [version], "reviewed", note="")  # what he asked for anna looked at
    city.close()


def test_a_review_under_way_undoes_no_withdrawal(city: City) -> None:
    anna, bram, carl = (city.person(name) for name in ("anna", "bram", "carl"))
    anna.start(book(), models=MODELS)
    city.activate(book(rule("wonen", "woning")))
    later = book(msgspec.structs.replace(rule("wonen", "woning"), expires=LATE + timedelta(9)))
    anna.sync(later)
    (held,) = bram.standings_of("wonen")
    carl.withdraw("wonen", note="it does harm")
    with pytest.raises(Stop, match="it was active and is withdrawn now"):
        bram.renew(held, later)
    assert city.counting() == ({}, set())
    alone = city.person("dora", single_author=True)
    with pytest.raises(Stop, match="do it again"):
        alone.move("wonen", [held.change.version], "active", note="", seen=[held])
    assert [each.state for each in bram.standings_of("wonen")] == ["withdrawn"]


def test_what_was_described_otherwise_meanwhile_is_not_reviewed(city: City) -> None:
    anna, bram = city.person("anna"), city.person("bram")
    made = rule("wonen", "woning")
    anna.sync(book(made))
    (held,) = bram.standings_of("wonen")
    anna.sync(book(msgspec.structs.replace(made, purpose="another one")))
    with pytest.raises(Stop, match="is described otherwise now"):
        bram.move("wonen", [held.change.version], "reviewed", note="", seen=[held])
    (held,) = bram.standings_of("wonen")
    bram.move("wonen", [held.change.version], "reviewed", note="", seen=[held])


def test_withdrawing_a_rule_stops_what_became_active_a_moment_ago(city: City) -> None:
    anna, carl = city.person("anna"), city.person("carl")
    anna.start(book(), models=MODELS)
    old = city.activate(book(rule("wonen", "woning")))["wonen"]
    new = city.activate(book(rule("wonen", "huis")))["wonen"]
    assert [(each.version, each.state) for each in carl.withdraw("wonen", note="")] == [
        (old, "withdrawn"),
        (new, "withdrawn"),
    ]
    assert city.counting() == ({}, set())
    assert carl.withdraw("wonen", note="") == []


@pytest.mark.parametrize(
    ("change", "lacks"),
    [({"purpose": "Bel 06 12345678"}, "holds a person's phone"), ({"purpose": "why"}, "")],
)
def test_what_is_asked_for_is_read_over_before_its_review(
    city: City, change: dict[str, object], lacks: str
) -> None:
    anna, bram = city.person("anna"), city.person("bram")
    anna.start(book(), models=MODELS)
    city.activate(book(rule("wonen", "woning")))
    files = book(msgspec.structs.replace(rule("wonen", "woning"), **change))
    (held,) = anna.standings_of("wonen")
    asked = bram.asked(held, files)
    assert asked is not None
    assert lacks in "; ".join(bram.lacks(asked, files))
    assert bool(bram.lacks(asked, files)) is bool(lacks)


def test_what_needs_no_second_person_holds_at_once(city: City) -> None:
    anna, alone = city.person("anna"), city.person("carl", single_author=True)
    anna.start(book(), models=MODELS)
    made = rule("wonen", "woning")
    later = msgspec.structs.replace(made, expires=LATE + timedelta(90))
    assert [each.what for each in anna.sync(book(made))] == ["new"]
    assert [each.what for each in anna.sync(book(later))] == ["described otherwise"]  # a draft
    city.person("bram").move(
        "wonen", [anna.standings_of("wonen")[0].change.version], "reviewed", note=""
    )
    for change in ({"expires": LATE}, {"title": "B", "expires": LATE}):
        files = book(msgspec.structs.replace(made, **change))
        assert [each.what for each in anna.sync(files)] == ["described otherwise"]
    assert [each.what for each in alone.sync(book(later))] == ["described otherwise"]


def test_what_is_being_replaced_gets_no_later_end(city: City) -> None:
    anna = city.person("anna")
    anna.start(book(), models=MODELS)
    city.activate(book(rule("wonen", "woning")))
    city.activate(book(rule("wonen", "huis")))
    later = msgspec.structs.replace(rule("wonen", "woning"), expires=LATE + timedelta(90))
    (synced,) = anna.sync(book(later))
    assert (synced.what, synced.state) == ("wrong", "outgoing")


def test_an_older_version_runs_beside_for_two_weeks(tmp_path: Path) -> None:
    clock = ManualClock(START)
    city = City(tmp_path, clock=clock)
    city.person("anna").start(book(), models=MODELS)
    old = city.activate(book(rule("wonen", "woning")))["wonen"]
    new = city.activate(book(rule("wonen", "huis")))["wonen"]
    clock.advance(OUTGOING_MS - 1)
    city.person("peil").publish()
    assert city.counting() == ({"wonen": new}, {f"wonen@{old}"})
    clock.advance(1)
    city.person("peil").publish()
    assert city.counting() == ({"wonen": new}, set())
    city.close()


def test_a_sync_tells_what_its_own_publishing_ended(city: City) -> None:
    anna = city.person("anna")
    anna.start(book(), models=MODELS)
    city.activate(book(rule("wonen", "woning")))
    over = msgspec.structs.replace(rule("wonen", "woning"), expires=date(2020, 1, 1))
    (synced,) = anna.sync(book(over))
    assert (synced.state, synced.says) == ("expired", "its date, 2020-01-01, passed")
    assert city.counting() == ({}, set())


def test_a_file_that_cannot_be_read_is_told_and_its_version_goes_on(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    alone = city.person("anna", single_author=True)
    version = alone.start(book(rule("wonen", "woning")), models=MODELS).rules["wonen"]
    broken = Unread(file="rules/wonen.toml", name="wonen", why="no TOML", line=2, column=3)
    manifest = alone.start(Book(rules={}, lists={}, unread=(broken,)), models=MODELS)
    assert manifest.rules == {"wonen": version}
    assert caplog.text.count("rules/wonen.toml, line 2, column 3: no TOML") == 1


def test_a_rule_ends_on_its_date_while_peil_runs(tmp_path: Path) -> None:
    clock = ManualClock(START)
    city = City(tmp_path, clock=clock)
    city.person("anna", single_author=True).start(book(rule("wonen", "woning")), models=MODELS)
    assert set(city.counting()[0]) == {"wonen"}
    clock.advance(400 * 86_400_000)
    city.person("peil").publish()
    assert city.counting() == ({}, set())
    city.close()


def test_what_an_older_peil_counted_goes_on_after_the_upgrade(city: City) -> None:
    """Nothing is in the database, and the topic is as releases without versions wrote it."""
    old = resolve(rule("wonen", "woning"), list_lookup({}))
    manifest = {"generation": 7, "rules": {"wonen": old.version}, "models": {"m": "1"}}
    city.broker.append(
        RULES.name,
        [
            Entry("rule:wonen", msgspec.json.encode(old)),
            Entry(MANIFEST, msgspec.json.encode(manifest)),
        ],
    )
    files = book(rule("wonen", "woning"), rule("nieuw", "huis"))
    assert city.person("anna").start(files, models=MODELS).rules == {"wonen": old.version}
    (change,) = city.person("anna").library.history("wonen")
    assert (change.by, change.state, "adopted" in change.note) == ("anna", "active", True)
    found = {each.rule: each.what for each in city.person("anna").sync(files)}
    assert found == {"wonen": "same", "nieuw": "new"}


@pytest.mark.parametrize("held", ["topic", "database"])
def test_what_this_release_cannot_read_ends_and_all_else_goes_on(city: City, held: str) -> None:
    """What a release with another limit left, on the topic or in the database as well."""
    kept = resolve(rule("wonen", "woning"), list_lookup({}))
    query = "(" * (MAX_NEARS + 1) + "huis" + " NEAR/5 woning)" * (MAX_NEARS + 1)
    deep = msgspec.structs.replace(kept, document=rule("diep", query), version="0123456789")
    city.broker.append(
        RULES.name, [Entry(f"rule:{each.name}", msgspec.json.encode(each)) for each in (kept, deep)]
    )
    rules = {each.document.id: each.version for each in (kept, deep)}
    manifest = {"generation": 7, "rules": rules, "models": {}}
    city.broker.append(RULES.name, [Entry(MANIFEST, msgspec.json.encode(manifest))])
    person = city.person("anna")
    if held == "database":
        with person.library.turn() as turn:
            for each in (kept, deep):
                turn.describe(each, by="anna")
                turn.move(each.document.id, each.version, "active", by="anna")
    files = book(kept.document, deep.document)
    assert person.start(files, models=MODELS).rules == {"wonen": kept.version}
    ended = person.library.history("diep")[-1]
    assert (ended.version, ended.state, ended.by) == ("0123456789", "expired", "peil")
    assert "cannot read it: line 1, column " in ended.note
    assert ended.note.endswith("'NEAR/5'. Use AND for the outer ones.")
    found = {each.rule: each for each in person.sync(files)}
    assert (found["wonen"].what, found["diep"].what) == ("same", "wrong")
    assert "at most 8 NEARs within one another" in found["diep"].says


def test_before_the_first_start_nothing_is_published(city: City) -> None:
    city.person("anna").sync(book(rule("wonen", "woning")))
    assert published(city.broker) is None
    found = city.person("anna", single_author=True).start(
        book(rule("wonen", "woning")), models=MODELS
    )
    assert (found.generation, set(found.rules)) == (1, {"wonen"})


def test_a_stop_that_could_not_be_published_is_published_by_the_next_one(tmp_path: Path) -> None:
    city = City(tmp_path, clock=ManualClock(START))
    city.person("anna", single_author=True).start(book(rule("wonen", "woning")), models=MODELS)
    version = city.counting()[0]["wonen"]

    def away() -> LocalBroker:
        raise Retry("the log cannot be reached")

    cut_off = Rulebook(
        engine=city.engine, broker=away, locks=WorkingFolder(tmp_path), clock=city.clock,
        settings=RulesSettings(), actor="anna",
    )  # fmt: skip
    with pytest.raises(Retry, match="written down that wonen is withdrawn"):
        cut_off.move("wonen", [version], "withdrawn", note="")
    assert set(city.counting()[0]) == {"wonen"}
    city.person("anna").withdraw("wonen", note="")
    assert city.counting() == ({}, set())
    city.close()


@pytest.mark.parametrize("empty", [True, False])
def test_a_rule_can_be_withdrawn_and_a_start_made_over_a_damaged_manifest(
    city: City, *, empty: bool, tmp_path: Path
) -> None:
    """Also when nothing is known of what was published, as after the database was made anew."""
    anna = city.person("anna", single_author=True)
    anna.start(book(rule("wonen", "woning"), rule("huis", "huis")), models=MODELS)
    rules = city.counting()[0]
    if empty:
        city.engine.dispose()
        (tmp_path / "peil.db").unlink()
        city.engine = open_database(tmp_path / "peil.db")
        anna = city.person("anna", single_author=True)
    city.broker.append(RULES.name, [Entry(MANIFEST, b"\xff\xff")])
    if not empty:
        anna.move("wonen", [rules["wonen"]], "withdrawn", note="")
        assert set(city.counting()[0]) == {"huis"}
    started = anna.start(book(rule("huis", "huis")), models=MODELS)
    assert (set(started.rules), started.models) == ({"huis"}, MODELS)


BATCH = 20
TEXT = "een woning en een huis"


def enriching(city: City) -> Worker:
    """A worker as `peil run` has it, without the models."""
    broker = LocalBroker(city.root / "log", clock=city.clock)
    matches = Matches(Matcher((), timezone="UTC"))
    step = EnrichStep(
        Chain([Language(), Tokens(), Words(), matches], sample_share=0.0),
        matches, feed=RuleFeed(broker), timezone="UTC", clock=city.clock, metrics=NoMetrics(),
    )  # fmt: skip
    return Worker(
        broker, group="enrich", topics=[POSTS.name], step=step,
        quarantine=Quarantine(broker, clock=city.clock), clock=city.clock, metrics=NoMetrics(),
        on_gap=lambda _gap: None, settings=StreamSettings(batch=BATCH),
    )  # fmt: skip


@contextmanager
def under_load(city: City, *, workers: int) -> Iterator[threading.Event]:
    """Posts come in and are enriched while the block runs; what came in is done after it."""
    ended = threading.Event()
    errors: list[BaseException] = []

    def collect() -> None:
        number = 0
        while not ended.is_set():
            some = range(number, number + BATCH)
            events = [Upsert(make_post(each, text=TEXT)) for each in some]
            city.broker.append(POSTS.name, [Entry(e.key, encode(e)) for e in events])
            number += BATCH
            ended.wait(0.005)

    def work() -> None:
        worker = enriching(city)
        try:
            while not ended.is_set():
                worker.turn(timeout=0.05)
            worker.drain()
        except BaseException as error:  # noqa: BLE001  (shown by the test below)
            errors.append(error)
        finally:
            worker.close()

    threads = [threading.Thread(target=each) for each in (collect, *[work] * workers)]
    for each in threads:
        each.start()
    try:
        yield ended
    finally:
        ended.set()
        for each in threads:
            each.join()
    assert errors == []


def labelled(city: City) -> Sequence[Post]:
    """All that came out, by partition in order."""
    found: list[Post] = []
    for partition in city.broker.ends(LABELLED.name):
        for record in city.broker.read(LABELLED.name, partition, limit=100_000):
            event = decode(record.value or b"")
            assert isinstance(event, Upsert)
            found.append(event.post)
    return found


def ahead(city: City, topic: str) -> int:
    return sum(end for _, end in city.broker.ends(topic).values())


def wait_for(city: City, posts: int) -> None:
    target = ahead(city, LABELLED.name) + posts
    for _ in range(4_000):
        if ahead(city, LABELLED.name) >= target:
            return
        city.clock.sleep(0.01)
    raise AssertionError(f"fewer than {target} posts came out")


def test_a_withdrawn_rule_is_dropped_within_a_batch_and_nothing_else_changes(
    tmp_path: Path,
) -> None:
    city = City(tmp_path, clock=SystemClock())
    files = book(rule("wonen", "woning"), rule("huis", "huis"))
    city.person("anna", single_author=True).start(files, models=MODELS)
    workers = 2
    with under_load(city, workers=workers):
        wait_for(city, 10 * BATCH)
        version = city.counting()[0]["wonen"]
        city.person("bram").move("wonen", [version], "withdrawn", note="drill")
        done = {post.id for post in labelled(city)}
        wait_for(city, 10 * BATCH)
    found = labelled(city)
    names = {post.id: [match.rule for match in post.matches] for post in found}
    assert len(found) == len(names) == ahead(city, POSTS.name)  # no post is lost or doubled
    assert {tuple(each) for each in names.values()} == {("huis",), ("huis", "wonen")}
    late = [each for each in names if each not in done and "wonen" in names[each]]
    # A batch that was at hand, of each worker, is finished as it was begun.
    assert len(late) <= workers * BATCH
    city.close()


def test_a_version_takes_the_place_of_another_without_a_post_between_them(
    tmp_path: Path,
) -> None:
    city = City(tmp_path, clock=SystemClock())
    anna = city.person("anna", single_author=True)
    anna.start(book(rule("wonen", "woning")), models=MODELS)
    old = city.counting()[0]["wonen"]
    with under_load(city, workers=2):
        wait_for(city, 5 * BATCH)
        anna.sync(book(rule("wonen", "woning OR huis")))
        wait_for(city, 5 * BATCH)
        anna.sync(book(rule("wonen", "woning")))
        wait_for(city, 5 * BATCH)
    (new,) = {each.change.version for each in anna.standings_of("wonen")} - {old}
    seen = [
        (tuple(each.version for each in post.matches), tuple(each.version for each in post.shadows))
        for post in labelled(city)
    ]
    assert set(seen) == {((old,), ()), ((new,), (old,)), ((old,), (new,))}
    city.close()


def text_of(folder: Path, name: str) -> Path:
    return folder / "config" / "rules" / f"{name}.toml"


def several_authors(folder: Path) -> None:
    settings = folder / "config" / "peil.toml"
    settings.write_text(
        settings.read_text().replace("single_author = true", "single_author = false")
    )


def test_the_commands_lead_a_rule_through_its_life(peil: Peil, folder: Path) -> None:
    several_authors(folder)
    synced = json.loads(peil("rules", "sync", "--json").stdout)
    assert {(each["what"], each["state"]) for each in synced} == {("new", "draft")}
    assert "peil rules review woningnood" in peil("rules", "review", "woningnood", code=3).stderr
    assert (
        "cannot become active, only reviewed"
        in peil("rules", "activate", "woningnood", code=3).stderr
    )
    assert "no version of rule 'huizen'" in peil("rules", "history", "huizen", code=3).stderr
    wrong = peil("rules", "review", "woningnood", "--version", "x", code=3).stderr
    assert "it has" in wrong
    path = text_of(folder, "woningnood")
    path.write_text(path.read_text().replace('"geen woning"~3', '"geen woning'))
    done = peil("rules", "sync", code=1)
    assert "wrong" in done.stdout
    table, _, below = done.stdout.partition("woningnood: rule woningnood cannot be read")
    assert "woningnood cannot be read:…" in table
    assert "^" in below
    (change,) = json.loads(peil("rules", "history", "woningnood", "--json").stdout)
    assert (change["state"], change["note"]) == ("draft", "")


def test_a_review_is_of_the_version_that_somebody_looked_at(
    peil: Peil, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several_authors(folder)
    peil("rules", "sync")
    monkeypatch.setattr("peil.pipeline.actor", lambda: "bram")
    (change,) = json.loads(peil("rules", "history", "woningnood", "--json").stdout)
    asked = f"`peil rules review woningnood --version {change['version']}`"
    assert asked in peil("rules", "review", "woningnood", code=3).stderr
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("peil.command.rule_life.sys", terminal)
    said = peil("rules", "review", "woningnood", text="n\n", code=3).stderr
    assert f"woningnood@{change['version']} is draft, since 20" in said
    assert len(json.loads(peil("rules", "history", "woningnood", "--json").stdout)) == 1
    assert "is reviewed" in peil("rules", "review", "woningnood", text="y\n").stdout
    path = text_of(folder, "woningnood")
    path.write_text(path.read_text().replace("owner = ", 'ground = "9(2)(g)"\nowner = ', 1))
    peil("rules", "sync")
    monkeypatch.setattr("peil.pipeline.actor", lambda: "carl")
    told = peil("rules", "review", "woningnood", text="n\n", code=3).stderr
    assert "Its file says otherwise now: ground was" in told
    assert "is reviewed" in peil("rules", "review", "woningnood", "--yes").stdout


def test_the_command_withdraws_what_becomes_active_while_it_runs(
    peil: Peil, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peil("rules", "sync")
    path = text_of(folder, "woningnood")
    path.write_text(path.read_text().replace("query = '''", "query = '''woningnoden OR ", 1))
    synced = json.loads(peil("rules", "sync", "--drafts", "--json").stdout)
    (new,) = [each["version"] for each in synced if each["rule"] == "woningnood"]
    read = Rulebook.standings_of

    def standings_of(self: Rulebook, name: str) -> Sequence[Standing]:
        found = read(self, name)
        self.move(name, [new], "active", note="")
        return found

    monkeypatch.setattr(Rulebook, "standings_of", standings_of)
    withdrawn = json.loads(peil("rules", "withdraw", "woningnood", "--json").stdout)
    assert new in [each["version"] for each in withdrawn if each["state"] == "withdrawn"]
    listed = json.loads(peil("rules", "list", "--json").stdout)["rules"]
    assert [each["active"] for each in listed if each["rule"] == "woningnood"] == [""]


def test_another_folder_is_held_to_the_lists_of_config(peil: Peil, folder: Path) -> None:
    peil("rules", "sync")
    (folder / "other" / "rules").mkdir(parents=True)
    made = text_of(folder, "woningnood").read_text()
    head = made[: made.index("query = ")].replace('"woningnood"', '"over-een-groep"')
    (folder / "other" / "rules" / "over-een-groep.toml").write_text(
        head + 'query = "moslims"\nmatch = [{text = "moslims"}]\nno_match = [{text = "weer"}]\n'
    )

    def synced(code: int = 0) -> dict[str, dict[str, str]]:
        done = peil("rules", "sync", str(folder / "other"), "--json", code=code)
        return {each["rule"]: each for each in json.loads(done.stdout)}

    (found,) = synced().values()
    assert (found["rule"], found["state"]) == ("over-een-groep", "draft")
    assert "it does not count: " in found["says"]
    (folder / "config" / "lists" / "protected.toml").write_text("lint = true\nentries = [")
    told = synced(1)
    assert told["over-een-groep"]["state"] == "draft"
    assert "lists/protected.toml cannot be read" in told["over-een-groep"]["says"]


def test_nothing_that_a_file_says_commands_the_terminal(peil: Peil, folder: Path) -> None:
    path = text_of(folder, "woningnood")
    plain = path.read_text()
    for title in ("\\u001b[2JA\\u202etitle", "\\u001b[31mAnother\\u202eone"):
        path.write_text(plain.replace("Housing shortage", title))
        listed = peil("rules", "list").stdout
        synced = peil("rules", "sync", "--drafts").stdout
    said = listed + synced + peil("rules", "history", "woningnood").stdout
    assert "Anotherone" in said.replace("[31m", "")
    assert not {"\x1b", "\u202e"} & set(said)


def test_what_is_not_ready_is_refused_with_what_is_missing(peil: Peil, folder: Path) -> None:
    path = text_of(folder, "woningnood")
    path.write_text(
        path.read_text().replace("\n[[match]]", '\n[[match]]\ntext = "x"\n[[match]]', 1)
    )
    assert "does not count" in peil("rules", "sync").stdout
    refused = peil("rules", "review", "woningnood", code=3).stderr
    assert "is not ready to be reviewed" in refused
    assert "should match and does not" in refused


def test_a_file_that_cannot_be_read_stops_nothing_but_itself(peil: Peil, folder: Path) -> None:
    peil("rules", "sync")
    path = text_of(folder, "woningnood")
    whole = path.read_text()
    path.write_text(whole.replace("title = ", "title = = "))
    (folder / "config" / "lists" / "nieuw.toml").write_text("entries = [")
    where = f"rules/woningnood.toml, line {whole[: whole.index('title =')].count(chr(10)) + 1}"

    listed = peil("rules", "list").stdout
    assert f"Not read: {where}" in listed
    assert "Not read: lists/nieuw.toml, line 1, column 12" in listed
    rules = {
        each["rule"]: each for each in json.loads(peil("rules", "list", "--json").stdout)["rules"]
    }
    assert rules["woningnood"]["state"] == "wrong"
    assert rules["woningnood"]["active"] != ""

    synced = peil("rules", "sync", code=1)
    assert where in synced.stdout
    peil("search", "woning", "--count")
    found = json.loads(peil("rules", "check", "--json", code=1).stdout)
    (told,) = [each for each in found if each["document"] == "woningnood"]
    assert (told["code"], told["spot"]["text"][:9]) == ("R105", "title = =")
    other = text_of(folder, "spanningen")
    sound = other.read_text()
    other.write_text(sound.replace("query = '''", "query = '''(("))
    tested = peil("rules", "test", code=1).stdout
    assert where in tested
    assert "rules/spanningen.toml: rule spanningen cannot be read:\nline " in tested
    assert "examples pass, 0 fail" in tested
    other.write_text(sound)
    assert where in peil("doctor", code=1).stdout
    for command in ("review", "backtest"):
        assert where in peil("rules", command, "woningnood", code=3).stderr
    assert where in peil("rules", "try", "woningnood", str(path), code=3).stderr

    posts = folder / "posts.ndjson"
    posts.write_text(json.dumps({
        "id": "1", "author": "a", "body": "weer woningnood", "timestamp": f"{today()} 10:00:00"
    }))  # fmt: skip
    done = peil("import", str(posts))
    assert where in done.stderr
    changes = json.loads(peil("rules", "history", "woningnood", "--json").stdout)
    assert [each["state"] for each in changes] == ["draft", "active"]
    path.write_text(whole)
    assert "woningnood" not in peil("rules", "sync", code=1).stdout  # the list is still wrong


def test_a_file_with_its_ending_in_capitals_is_told_wherever_rules_are_read(
    peil: Peil, folder: Path
) -> None:
    peil("rules", "sync")
    path = text_of(folder, "woningnood")
    path.rename(path.with_suffix(".TOML"))
    for command, code in (("list", 0), ("check", 1), ("sync", 1), ("test", 1)):
        said = " ".join(peil("rules", command, code=code).stdout.split())
        assert "rules/woningnood.TOML" in said
        assert "rename it to woningnood.toml" in said
    listed = json.loads(peil("rules", "list", "--json").stdout)["rules"]
    assert {each["state"] for each in listed if each["rule"] == "woningnood"} == {"wrong"}


def test_a_draft_without_a_file_is_listed_until_it_ends(peil: Peil, folder: Path) -> None:
    peil("rules", "sync", "--drafts")
    text_of(folder, "woningnood").unlink()

    def listed() -> dict[str, dict[str, str]]:
        rows = json.loads(peil("rules", "list", "--json").stdout)["rules"]
        return {each["rule"]: each for each in rows}

    assert listed()["woningnood"]["state"] == "no file"
    shown = peil("rules", "list").stdout
    told = "woningnood: its file is gone, and there is still "
    assert told in shown
    assert told in peil("rules", "sync", "--drafts").stdout
    assert "peil rules export" in shown
    peil("rules", "export")
    assert listed()["woningnood"]["state"] == "draft"
    text_of(folder, "woningnood").unlink()
    way = listed()["woningnood"]["says"].split("`peil ")[-1].strip("`")
    peil(*way.split())
    assert "woningnood" not in listed()


def today() -> str:
    return to_datetime(SystemClock().now()).date().isoformat()


def test_a_version_is_named_by_its_beginning_or_refused_with_what_there_is(peil: Peil) -> None:
    peil("rules", "sync")
    (_, active) = json.loads(peil("rules", "history", "woningnood", "--json").stdout)
    version = active["version"]
    named = f"woningnood@{version[:4]}"
    assert len(json.loads(peil("rules", "history", named, "--json").stdout)) == 2
    for command in ("history", "withdraw", "shadowed", "review", "backtest"):
        refused = peil("rules", command, "woningnood@nope", code=3).stderr
        assert (
            f"there is no version 'nope' of rule 'woningnood'; it has {version} (active)" in refused
        )
    assert (
        f"{version} (active)"
        in peil("rules", "shadowed", "woningnood", "--version", "nope", code=3).stderr
    )
    assert (
        "'woningnood@nope' is not active"
        in peil("rules", "backfill", "woningnood@nope", code=3).stderr
    )
    assert f"woningnood@{version}" in peil("rules", "backfill", named).stdout


def test_one_person_syncs_withdraws_and_takes_back(peil: Peil, folder: Path) -> None:
    assert "one person alone" in peil("rules", "sync").stdout
    withdrawn = json.loads(
        peil("rules", "withdraw", "woningnood", "--note", "drill", "--json").stdout
    )
    assert [(each["state"], each["note"]) for each in withdrawn] == [("withdrawn", "drill")]
    assert "No version of woningnood counts" in peil("rules", "withdraw", "woningnood").stdout
    assert "stays so" in peil("rules", "sync").stdout
    listed = json.loads(peil("rules", "list", "--drift", "--json").stdout)
    states = {each["rule"]: (each["state"], each["active"]) for each in listed["rules"]}
    assert (listed["single_author"], listed["drifts"]) == (True, [])
    assert states["woningnood"] == ("withdrawn", "")
    assert states["eenzaamheid"][0] == "active"
    assert "one person alone" in peil("rules", "list").stdout
    assert "one person alone" in peil("doctor").stdout
    assert "somebody else must review it" in peil("rules", "review", "woningnood", code=3).stderr
    version = withdrawn[0]["version"]
    path = text_of(folder, "woningnood")
    path.write_text(path.read_text() + '\n[[match]]\ntext = "weer woningnood"\n')
    synced = {each["rule"]: each for each in json.loads(peil("rules", "sync", "--json").stdout)}
    way_back = f"`peil rules activate woningnood --version {version}`"
    assert way_back in synced["woningnood"]["says"]
    assert f"woningnood@{version}" in peil("rules", "activate", "woningnood").stdout
    changes = json.loads(peil("rules", "history", "woningnood", "--json").stdout)
    notes = [each["note"] for each in changes if each["state"] == "active"]
    assert notes == [UNREVIEWED, UNREVIEWED]
    described = [each["note"] for each in changes if each["state"] == "described otherwise"]
    assert described == ["other match"]
    exported = json.loads(peil("rules", "export", str(folder / "out"), "--json").stdout)
    assert str(folder / "out" / "rules" / "woningnood.toml") in exported
    same = json.loads(peil("rules", "sync", str(folder / "out"), "--json").stdout)
    assert {each["what"] for each in same} == {"same"}
    assert "rules/" in peil("rules", "sync", str(folder), code=3).stderr
