from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rules.life.history import FOLLOWING, UNREVIEWED, Change, State, state_of, step
from stream.errors import Stop

VERSIONS = ("v1", "v2", "v3")
PEOPLE = ("anna", "bram")
STATES: tuple[State, ...] = tuple(FOLLOWING)


def change(version: str, state: State, *, by: str = "anna", at: int = 0) -> Change:
    return Change(rule="a-rule", version=version, state=state, at=at, by=by)


def lived(*steps: tuple[str, State, str], single_author: bool = False) -> Sequence[Change]:
    history: list[Change] = []
    for version, state, by in steps:
        history += step(history, change(version, state, by=by), single_author=single_author)
    return history


REVIEWED: tuple[tuple[str, State, str], ...] = (("v1", "draft", "anna"), ("v1", "reviewed", "bram"))


def test_a_version_is_reviewed_by_somebody_else_before_it_counts() -> None:
    with pytest.raises(Stop, match="brought in by anna: somebody else must review it"):
        lived(("v1", "draft", "anna"), ("v1", "reviewed", "anna"))
    with pytest.raises(Stop, match="is draft and cannot become active, only reviewed or withdrawn"):
        lived(("v1", "draft", "anna"), ("v1", "active", "bram"))
    assert state_of(lived(*REVIEWED, ("v1", "active", "anna")), "v1") == "active"


def test_one_that_takes_the_place_of_another_sends_it_out() -> None:
    history = lived(
        *REVIEWED, ("v1", "active", "anna"),
        ("v2", "draft", "bram"), ("v2", "reviewed", "anna"), ("v2", "active", "bram"),
    )  # fmt: skip
    assert [(each.version, each.state) for each in history[-2:]] == [
        ("v1", "outgoing"),
        ("v2", "active"),
    ]
    back = [*history, *step(history, change("v1", "active"))]
    assert (state_of(back, "v1"), state_of(back, "v2")) == ("active", "outgoing")


def test_what_was_withdrawn_needs_a_new_review() -> None:
    gone: tuple[tuple[str, State, str], ...] = (*REVIEWED, ("v1", "withdrawn", "bram"))
    with pytest.raises(Stop, match="only reviewed"):
        lived(*gone, ("v1", "active", "bram"))
    lived(*gone, ("v1", "reviewed", "bram"), ("v1", "active", "anna"))


def test_what_a_single_author_made_count_is_reviewed_before_it_counts_again() -> None:
    history = lived(("v1", "draft", "anna"), ("v1", "shadow", "anna"), single_author=True)
    with pytest.raises(Stop, match="never reviewed: somebody else than anna"):
        step(history, change("v1", "active"))
    history = [*history, *step(history, change("v1", "reviewed", by="bram"))]
    assert step(history, change("v1", "active"))


def test_what_rests_on_no_review_says_so_in_its_note() -> None:
    alone = lived(("v1", "draft", "anna"), ("v1", "shadow", "anna"), single_author=True)
    (noted,) = step(
        alone,
        Change(rule="a-rule", version="v1", state="active", at=0, by="anna", note="why"),
        single_author=True,
    )
    assert [each.note for each in (*alone, noted)] == ["", UNREVIEWED, f"why; {UNREVIEWED}"]
    assert not any(
        each.note for each in lived(*REVIEWED, ("v1", "active", "anna"), single_author=True)
    )


def test_what_counted_before_lives_had_a_history_goes_on() -> None:
    history = lived(("v1", "active", "peil"))
    history = [*history, *lived(("v2", "active", "peil"))]
    assert state_of(history, "v1") == "active"
    with pytest.raises(Stop, match="there is no a-rule@v3"):
        step(history, change("v3", "reviewed"))


class Life(RuleBasedStateMachine):
    """Against a model that knows each version's state, and whether somebody else looked at it."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Change] = []
        self.kept: list[Change] = []
        self.states: dict[str, State] = {}
        self.authors: dict[str, str] = {}
        self.looked_at: set[str] = set()
        self.alone = False

    @initialize(alone=st.booleans())
    def begin(self, *, alone: bool) -> None:
        self.alone = alone

    @rule(
        version=st.sampled_from(VERSIONS),
        state=st.sampled_from(STATES),
        by=st.sampled_from(PEOPLE),
    )
    def try_to_move(self, version: str, state: State, by: str) -> None:
        before = self.states.get(version)
        try:
            added = step(
                self.history,
                change(version, state, by=by, at=len(self.history)),
                single_author=self.alone,
            )
        except Stop:
            assert not self._must_be_possible(version, before, state, by)
            return
        assert before != state
        rests = state not in {"shadow", "active"} or before is None or version in self.looked_at
        noted = msgspec.structs.replace(
            change(version, state, by=by, at=len(self.history)), note="" if rests else UNREVIEWED
        )
        assert added[-1] == noted
        self.history += added
        for each in added:
            self.states[each.version] = each.state
        self.authors.setdefault(version, by)
        if state == "reviewed":
            assert by != self.authors[version]
            self.looked_at.add(version)
        elif state in {"expired", "withdrawn"}:
            self.looked_at.discard(version)
        elif before is None and state != "draft":
            self.looked_at.add(version)  # it counted before there was a history

    def _must_be_possible(self, version: str, before: State | None, to: State, by: str) -> bool:
        """What nobody may ever be refused."""
        if to == "withdrawn":
            return before not in {None, "withdrawn"}
        if to == "draft":
            return before is None
        if to == "reviewed":
            other = by != self.authors.get(version)
            return before in {"draft", "shadow", "outgoing", "expired", "withdrawn"} and other
        if to == "active":
            return before in {"reviewed", "shadow", "outgoing"} and version in self.looked_at
        return False

    @invariant()
    def never_two_are_active(self) -> None:
        assert list(self.states.values()).count("active") <= 1

    @invariant()
    def nothing_counts_that_nobody_looked_at(self) -> None:
        counting = {
            version for version, state in self.states.items() if state in {"active", "shadow"}
        }
        assert self.alone or counting <= self.looked_at

    @invariant()
    def the_history_is_only_added_to(self) -> None:
        assert self.history[: len(self.kept)] == self.kept
        self.kept = list(self.history)
        assert {version: state_of(self.history, version) for version in self.states} == self.states


Life.TestCase.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
TestLife = Life.TestCase
