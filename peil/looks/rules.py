"""The rules: their files, who answers for them, what is published, and drift."""

from index.drift import Drift
from peil.guidance import personal, read_over
from peil.looks.folder import unused_keys
from peil.looks.saying import Said, State, said
from peil.looks.servers import opened_log
from peil.pipeline import Pipeline
from peil.rulebook import SINGLE_AUTHOR
from privacy.noise import KEY as NOISE_KEY
from rules.life.library import those_in
from rules.life.publishing import RuleFeed
from rules.lint.linter import check, known_of
from stream.clock import to_datetime


def look_at_rules(pipeline: Pipeline) -> Said:
    """What lint says of their files."""
    today = to_datetime(pipeline.clock.now()).date()
    book = pipeline.book
    found = [
        *check(book, today=today, known=known_of(book, personal=personal)),
        *read_over(pipeline.folder.config, book),
    ]
    findings = [each for each in found if each.severity != "hint"]
    total = len(pipeline.book.rules)
    shown = f"{total} rules, {len(findings)} findings (`peil rules check`)"
    unread: list[tuple[State, str]] = [("wrong", str(each)) for each in book.unread]
    return [*unread, *said(shown, well=not findings)]


def look_at_authors(pipeline: Pipeline) -> Said:
    """Whether somebody else looks at what one person wrote."""
    alone = pipeline.settings.rules.single_author
    shared = "somebody else than who brought a rule in reviews it before it counts"
    return said(SINGLE_AUTHOR if alone else shared, well=not alone)


def look_at_published(pipeline: Pipeline) -> Said:
    """Whether enrichment works by the rules that are active."""
    with opened_log(pipeline) as broker:
        found = RuleFeed(broker).refresh()
    if found is None:
        return said("none yet: the start of enrichment does it", well=True)
    standings = pipeline.rulebook.library.standings()
    active = {each.version.name for each in those_in(standings, "active")}
    there = {each.name for each in found.rules}
    if active == there:
        shown = f"generation {found.generation} with {len(there)} rules, those that are active"
        return said(shown, well=True)
    wrong = [
        *(f"{each} is active and not published" for each in sorted(active - there)),
        *(f"{each} is published and not active" for each in sorted(there - active)),
    ]
    return said(f"{'; '.join(wrong)}: `peil rules sync` publishes again", well=False)


def look_at_drift(pipeline: Pipeline) -> Said:
    """Which rules match clearly more or less than they did."""
    if not pipeline.settings.purpose:
        return said("not looked at: no purpose is set", well=True)
    if NOISE_KEY not in pipeline.key_ring().names() or unused_keys(pipeline):
        return said("not looked at: nothing was asked with these keys yet", well=True)
    active = pipeline.rulebook.active()
    found = pipeline.answers().drifts(active)
    none = f"none of {len(active)} active rules matches clearly more or less than it did"
    return said("; ".join(map(told, found)) or none, well=not found)


def told(drift: Drift) -> str:
    """A rule that drifted, in words."""
    return (
        f"{drift.rule}: {drift.now:.2%} of all posts in the last week, {drift.before:.2%} before; "
        "look whether its words still mean what they did"
    )
