import random

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stream.clock import DAY_MS
from stream.events import Delete, Upsert
from stream.lifecycle import Located, settle
from stream.partitions import Partition, partition_of
from stream.post import Match, Post
from stream.testing import START, make_post
from stream.version import MAX_GENERATION, of_delete, pack

MATCH = (Match("rule", "v1", ((0, 1),)),)


class Killed(Exception):
    """The process died here."""


class Store:
    """The obvious store: a dictionary a partition, and a place to die."""

    def __init__(self) -> None:
        self.partitions: dict[Partition, dict[str, Post]] = {}

    def where(self, ids: list[str]) -> dict[str, list[Located]]:
        found: dict[str, list[Located]] = {}
        for name, posts in self.partitions.items():
            for key in ids:
                if key in posts:
                    post = posts[key]
                    place = Located(name, post.version, post.keep_until, post.first_observed)
                    found.setdefault(key, []).append(place)
        return found


class OneIdAtATime(RuleBasedStateMachine):
    """Random histories of a few ids, in batches that may be done twice or killed in the middle.

    The model keeps the newest event of each id that the ledger allows."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.log: list[Upsert | Delete] = []
        self.done = 0
        self.ledger: dict[str, int] = {}
        self.now = START
        self.rng = random.Random(0)

    @rule(
        number=st.integers(1, 3),
        rev=st.integers(0, 5),
        generation=st.integers(0, 3),
        matched=st.booleans(),
        age=st.integers(0, 2),
    )
    def upsert(self, *, number: int, rev: int, generation: int, matched: bool, age: int) -> None:
        observed = START - age * DAY_MS // 2
        self.log.append(
            Upsert(
                make_post(
                    number,
                    version=pack(START + rev, generation),
                    matches=MATCH if matched else (),
                    first_observed=observed,
                    keep_until=observed + 90 * DAY_MS,
                )
            )
        )

    @rule(number=st.integers(1, 3), rev=st.integers(0, 5))
    def delete(self, number: int, rev: int) -> None:
        self.log.append(Delete(f"{number:032x}", of_delete(START + rev), "trial"))

    @rule(back=st.integers(0, 5))
    def replay(self, back: int) -> None:
        self.done = max(0, self.done - back)

    @rule(size=st.integers(1, 5), dies=st.sampled_from(["", "ledger", "write", "some"]))
    def work(self, size: int, dies: str) -> None:
        batch = self.log[self.done : self.done + size]
        try:
            self._do(batch, dies)
        except Killed:
            return
        self.done += len(batch)

    def _do(self, batch: list[Upsert | Delete], dies: str) -> None:
        for event in batch:
            if isinstance(event, Delete):
                self.ledger[event.id] = max(event.version, self.ledger.get(event.id, 0))
        if dies == "ledger":
            raise Killed
        keys = list({event.key for event in batch})
        posts = [event.post for event in batch if isinstance(event, Upsert)]
        newest = {post.id: max(p.version for p in posts if p.id == post.id) for post in posts}
        blocked = {key for key, version in newest.items() if version <= self.ledger.get(key, -1)}
        plan = settle(batch, located=self.store.where(keys), blocked=blocked, now=self.now)
        for name, writes in plan.writes.items():
            for post in writes:
                self.store.partitions.setdefault(name, {})[post.id] = post
                if dies == "some":
                    raise Killed
        if dies == "write":
            raise Killed
        for name, ids in plan.removes.items():
            for key in ids:
                self.store.partitions.get(name, {}).pop(key, None)

    def _finish(self) -> None:
        while self.done < len(self.log):
            batch = self.log[self.done : self.done + 3]
            self._do(batch, "")
            self.done += len(batch)

    @invariant()
    def when_all_is_done_each_id_stands_once_in_its_newest_state(self) -> None:
        before = self.store.partitions
        self.store.partitions = {name: dict(posts) for name, posts in before.items()}
        done, ledger = self.done, dict(self.ledger)
        self._finish()
        # And doing the last batch again changes nothing.
        self._do(self.log[-3:], "")
        for number in (1, 2, 3):
            key = f"{number:032x}"
            events = [event for event in self.log if event.key == key]
            erased = max((e.version for e in events if isinstance(e, Delete)), default=-1)
            living = [e.post for e in events if isinstance(e, Upsert) and e.post.version > erased]
            stands = [
                (name, posts[key]) for name, posts in self.store.partitions.items() if key in posts
            ]
            if not living:
                assert stands == []
                continue
            newest = max(post.version for post in living)
            assert len(stands) == 1
            name, post = stands[0]
            assert post.version == newest
            assert name == partition_of(post)
        self.store.partitions, self.done, self.ledger = before, done, ledger


TestOneIdAtATime = OneIdAtATime.TestCase
TestOneIdAtATime.settings = hypothesis_settings(
    max_examples=60, stateful_step_count=25, deadline=None
)


def test_an_edit_never_prolongs() -> None:
    place = Located(
        Partition.parse("kept-until-2026-12-14"),
        pack(START, 0),
        START + 60 * DAY_MS,
        START - DAY_MS,
    )
    edited = make_post(1, version=pack(START + 5, 0), matches=MATCH, first_observed=START)
    plan = settle([Upsert(edited)], located={edited.id: [place]}, blocked=frozenset(), now=START)
    (post,) = next(iter(plan.writes.values()))
    assert post.keep_until == START + 60 * DAY_MS
    assert post.first_observed == START - DAY_MS


def test_what_is_over_its_term_is_not_written() -> None:
    post = make_post(1, matches=MATCH)
    later = START + 91 * DAY_MS
    plan = settle([Upsert(post)], located={}, blocked=frozenset(), now=later)
    assert not plan.writes
    assert plan.outcomes == {"expired": 1}


def test_a_delete_wins_a_tie() -> None:
    assert of_delete(START) > pack(START, MAX_GENERATION - 1)
