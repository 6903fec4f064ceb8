"""Lucene Monitor as a peer of the matcher: fetched by Maven, told the same rules and texts."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.servers.cache import jars, program
from rules.tree import And, Near, Node, Not, Or, Phrase, Prefix, Term, children

VERSION = "9.11.1"
PROGRAM = Path(__file__).with_name("monitor") / "Percolate.java"
HEAP = "4g"
ARTIFACTS = ("monitor", "core", "queries", "analysis-common", "queryparser")
PROJECT = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>monitor</artifactId><version>1</version>
  <dependencies>{
    "".join(
        f"<dependency><groupId>org.apache.lucene</groupId>"
        f"<artifactId>lucene-{name}</artifactId><version>{VERSION}</version></dependency>"
        for name in ARTIFACTS
    )
}</dependencies>
</project>
"""


def percolate(
    trees: Sequence[Node],
    texts: Sequence[str],
    *,
    batches: Sequence[int],
    seconds: float,
    checked: int,
) -> tuple[Mapping[int, float], set[tuple[int, int]]]:
    """Texts per CPU second by batch size, and which of the first `checked` texts match which
    rules. The words of a text are separated by spaces.
    """
    classpath = jars(f"lucene-{VERSION}", PROJECT)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "rules").write_text("".join(f"{line(tree)}\n" for tree in trees), "utf-8")
        (work / "texts").write_text("".join(f"{text}\n" for text in texts), "utf-8")
        done = subprocess.run(
            [
                program("java"), f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-cp", f"{classpath}/*",
                str(PROGRAM), str(work / "rules"), str(work / "texts"), str(seconds),
                str(checked), str(work / "matches"), *map(str, batches),
            ],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        rates = {int(size): float(rate) for size, rate in map(str.split, done.stdout.splitlines())}
        matches = {
            (int(text), int(rule))
            for text, rule in map(str.split, (work / "matches").read_text().splitlines())
        }
    return rates, matches


def line(tree: Node) -> str:
    """A rule of `bench.rulebook` as `Percolate` reads it."""
    match tree:
        case Phrase():
            return f"phrase\t{' '.join(tree.forms)}"
        case Or(children=(Prefix(), *_)):
            return f"prefixes\t{_words(tree)}"
        case Or():
            return f"list\t{_words(tree)}"
        case Near():
            return f"near\t{_words(tree.left)}\t{_words(tree.right)}\t{tree.distance}"
        case And(children=(one, Not(child=other))):
            return f"without\t{_words(one)}\t{_words(other)}"
        case And(children=(one, other)):
            return f"both\t{_words(one)}\t{_words(other)}"
        case _:
            raise AssertionError(tree)


def _words(node: Node) -> str:
    found: list[str] = []
    for each in children(node):
        assert isinstance(each, Term | Prefix)
        found.append(each.form if isinstance(each, Term) else each.stem)
    return " ".join(found)
