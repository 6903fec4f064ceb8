"""`peil rules sample`, `verdicts`, `precision`: how good a rule is, by texts that people read."""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from index.answers import MAX_TEXTS
from index.results import Excerpt
from index.simplest import misplaced_dates
from index.subject import Subject
from peil.command.period import Since, Until, period_of
from peil.command.session import SessionContext
from peil.command.version import Rule
from peil.display import as_csv, as_json, console, say, table
from peil.pipeline import Pipeline, actor
from rules.errors import QueryError
from rules.judging.judgements import KINDS, Estimate, Judgement, Judgements, Kind, Verdict, together
from rules.judging.relaxing import near_misses
from rules.tree import And, Dates
from rules.written import written
from stream.errors import Stop

QUIT = "q"
ANSWERS: Mapping[str, Verdict] = {
    **dict.fromkeys(("y", "yes", "j", "ja", "right"), "right"),
    **dict.fromkeys(("n", "no", "nee", "wrong"), "wrong"),
    **dict.fromkeys(("?", "unsure"), "unsure"),
}
COLUMNS = ("sample", "row", "verdict")
MOST_DIGITS = 6
REPEATED = (
    "texts are drawn anew each time, of each author one, and nobody remembers which were judged: "
    "one can come again, and then counts again"
)
HINT = (
    "near misses are of posts that are still here, because another rule matched them or their "
    "source keeps everything; what it misses altogether nobody sees: a hint at recall, not recall"
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def sample(
    context: SessionContext,
    rule: Rule,
    number: Annotated[
        int, typer.Option("-n", min=1, max=1_000, help="How many texts shall be judged in all.")
    ] = 50,
    near_miss: Annotated[
        bool, typer.Option("--near-miss", help="Texts that the rule nearly matches.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the texts to this file, to be judged there.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Show whole texts, for this reason; it is logged.")
    ] = "",
    since: Since = "",
    until: Until = "",
) -> None:
    """Judge texts that a rule found, drawn at random: here, one after the other, or in a file.
    What was judged stays; the same command goes on where it was ended, with other texts.

    Example: peil rules sample woningnood -n 50
    """
    if out is not None and out.exists():
        raise Stop(f"{out} is there already; choose another name")
    kind: Kind = "near miss" if near_miss else "hit"
    with context.obj.pipeline() as pipeline:
        subject = pipeline.subjects().rule(rule)
        judgements = pipeline.judgements
        done = together(judgements.estimates(subject.rule, subject.version, kind=kind))
        left = number - done.judged - done.unsure
        if left <= 0:
            say(f"{done.judged + done.unsure} texts are judged already; ask for more with -n")
            return
        asked = _nearly(subject) if near_miss else subject
        period = period_of(since, until, zone=pipeline.settings.timezone)
        drawn = pipeline.answers().texts(
            asked,
            limit=min(left, MAX_TEXTS),
            reason=reason,
            turn=done.judged + done.unsure,
            **period,
        )
        if not drawn.excerpts:
            say(f"No texts: they are shown when at least {drawn.k} people wrote them.")
            raise typer.Exit(1)
        languages = [each.language for each in drawn.excerpts]
        rows = judgements.draw(
            rule=subject.rule, version=subject.version, kind=kind, languages=languages
        )
        texts = list(zip(rows, drawn.excerpts, strict=True))
        if out is not None:
            _write(out, texts)
            say(
                f"{len(texts)} texts are in {out}. Fill in the column verdict with y, n or ?, then:"
                f"\n  peil rules verdicts {out}\nDelete the file after that: its texts have a term."
            )
            return
        if near_miss:
            say(f"Note: {HINT}.")
        if done.judged:
            say(f"Note: {REPEATED}.")
        if len(texts) < left:
            say(f"{len(texts)} texts can be shown at once; for {left} type the command again.")
        _judge(judgements, texts, title=_title(pipeline, subject))
        _show(judgements, subject, json=False)


def verdicts(
    context: SessionContext,
    file: Annotated[Path, typer.Argument(help="A file that `peil rules sample --out` wrote.")],
) -> None:
    """Take in the verdicts of a file: y, n or ? in its column verdict; rows without one wait.

    Example: peil rules verdicts sample.csv
    """
    found = _read(file)
    with context.obj.pipeline() as pipeline:
        pipeline.judgements.judge(found, by=actor())
    say(f"{len(found)} verdicts are taken in. `peil rules precision RULE` shows what they say.")


def precision(context: SessionContext, rule: Rule, json: Json = False) -> None:
    """What share of a rule's texts is right, by what was judged: in all and by language, with the
    interval of 95% that it lies in.

    Example: peil rules precision woningnood
    """
    with context.obj.pipeline() as pipeline:
        _show(pipeline.judgements, pipeline.subjects().rule(rule), json=json)


def _title(pipeline: Pipeline, subject: Subject) -> str:
    document = pipeline.book.rules.get(subject.rule)
    return subject.rule if document is None else document.title


def _nearly(subject: Subject) -> Subject:
    """What nearly is what `subject` is about, in the dates that it asks for."""
    tree = subject.tree
    if problems := misplaced_dates(tree, subject.query):
        raise QueryError(subject.query, problems)
    parts = tree.children if isinstance(tree, And) else (tree,)
    dates = tuple(part for part in parts if isinstance(part, Dates))
    rest = tuple(part for part in parts if not isinstance(part, Dates))
    near = near_misses(rest[0] if len(rest) == 1 else And(rest)) if rest else None
    if near is None:
        raise Stop(
            f"{subject.name} has nothing that could be looser: no NEAR, no phrase, no AND, and no "
            "long prefix"
        )
    tree = And((*dates, *near.children)) if dates else near
    return Subject(
        query=written(tree),
        tree=tree,
        rule=subject.rule,
        special=subject.special,
        name=subject.name,
    )


def _judge(
    judgements: Judgements, texts: Sequence[tuple[Judgement, Excerpt]], *, title: str
) -> None:
    """Ask about each text; every verdict is written down at once."""
    say(f"Is it about {title!r}? y = yes, n = no, ? = cannot tell, q = stop here")
    for number, (row, text) in enumerate(texts, 1):
        say(f"\n{number} of {len(texts)}, {text.language}, {text.day}, {text.source}")
        say(f"{text.left}[{text.keyword}]{text.right}")
        answer = _answer()
        if answer == QUIT:
            return
        judgements.judge({(row.sample, row.row): ANSWERS[answer]}, by=actor())


def _answer() -> str:
    while True:
        try:
            answer = str(typer.prompt("y/n/?/q", prompt_suffix=" ")).strip().casefold()
        except typer.Abort:
            return QUIT
        if answer == QUIT or answer in ANSWERS:
            return answer
        say("Type y, n, ? or q.")


def _write(path: Path, texts: Sequence[tuple[Judgement, Excerpt]]) -> None:
    rows = [
        {
            "sample": row.sample,
            "row": row.row,
            "verdict": "",
            "language": text.language,
            "day": text.day,
            "left": _line(text.left),
            "keyword": _line(text.keyword),
            "right": _line(text.right),
        }
        for row, text in texts
    ]
    # The texts are for whoever judges them, and for nobody else.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(as_csv(rows).encode("utf-8"))


def _line(text: str) -> str:
    """In one line: programs do not agree on where others end."""
    return " ".join(text.splitlines())


def _read(path: Path) -> Mapping[tuple[str, int], Verdict]:
    """The verdicts of a file, by sample and row; Stop with the line that is wrong."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Stop(f"{path} is not UTF-8; save it as CSV in UTF-8") from error
    rows = csv.DictReader(io.StringIO(text), delimiter=_delimiter(text))
    try:
        return _verdicts(rows, path)
    except csv.Error as error:
        raise Stop(f"{path}, line {rows.line_num + 1} is no CSV: {error}") from error


def _verdicts(rows: "csv.DictReader[str]", path: Path) -> Mapping[tuple[str, int], Verdict]:
    lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if lacking:
        raise Stop(f"{path} has no column {lacking[0]!r}; it needs {', '.join(COLUMNS)}")
    found: dict[tuple[str, int], Verdict] = {}
    lines: dict[tuple[str, int], int] = {}
    for row in rows:
        verdict = (row["verdict"] or "").strip().casefold()
        if not verdict:
            continue
        number = (row["row"] or "").strip()
        if verdict not in ANSWERS or not (number.isdecimal() and len(number) <= MOST_DIGITS):
            raise Stop(
                f"{path}, line {rows.line_num}: row {number[:20]!r} has verdict {verdict[:20]!r}; "
                "write y, n or ? in the column verdict, and leave the other columns as they are"
            )
        name = ((row["sample"] or "").strip(), int(number))
        if name in found:
            raise Stop(
                f"{path}, lines {lines[name]} and {rows.line_num}: row {number} has two verdicts; "
                "leave one of them"
            )
        found[name], lines[name] = ANSWERS[verdict], rows.line_num
    return found


def _delimiter(text: str) -> str:
    """Spreadsheets of some countries write a semicolon."""
    return ";" if ";" in text.partition("\n")[0] else ","


def _show(judgements: Judgements, subject: Subject, *, json: bool) -> None:
    found: Mapping[Kind, Mapping[str, Estimate]] = {
        kind: judgements.estimates(subject.rule, subject.version, kind=kind) for kind in KINDS
    }
    if json:
        told = [
            {"kind": kind, "language": language, **_told(estimate)}
            for kind, languages in found.items()
            for language, estimate in _with_all(languages)
        ]
        print(as_json({"rule": subject.name, "estimates": told}))  # noqa: T201  (JSON is the answer)
        return
    if not any(found.values()):
        older = [each for each in judgements.versions(subject.rule) if each != subject.version]
        say(f"Nothing of {subject.name} is judged yet: peil rules sample {subject.rule}")
        if older:
            say(f"Judged before: {', '.join(f'{subject.rule}@{each}' for each in older)}")
        return
    titles = (
        f"Precision of {subject.name}: texts that it found and that are right",
        f"Near misses of {subject.name}: texts that it should have found",
    )
    for title, languages in zip(titles, found.values(), strict=True):
        rows = [{"language": name, **_row(each)} for name, each in _with_all(languages)]
        if rows:
            console().print(table(rows, title=f"\n{title}"))
    if found["near miss"]:
        say(f"Note: {HINT}.")


def _with_all(languages: Mapping[str, Estimate]) -> Iterator[tuple[str, Estimate]]:
    if languages:
        yield "all", together(languages)
    yield from languages.items()


def _told(estimate: Estimate) -> dict[str, object]:
    low, high = estimate.interval
    return {
        "right": estimate.right,
        "wrong": estimate.wrong,
        "unsure": estimate.unsure,
        "share": estimate.share,
        "low": low,
        "high": high,
    }


def _row(estimate: Estimate) -> dict[str, object]:
    low, high = estimate.interval
    share = estimate.share
    return {
        "judged": estimate.judged,
        "right": estimate.right,
        "cannot tell": estimate.unsure,
        "share": "" if share is None else f"{share:.0%}",
        "95% between": f"{low:.0%} and {high:.0%}",
    }
