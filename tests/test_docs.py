import re
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from enrich.examples import Examples
from peil.command.application import application
from peil.settings import Settings
from rules.documents import Enrich, Example, example_post
from rules.evaluator import evaluate
from rules.nears import MAX_NEARS
from rules.operands import MAX_DISTANCE
from rules.parser import MAX_DEPTH, parse
from rules.reading import MAX_LENGTH
from stream.metrics import METRICS

ROOT = Path(__file__).parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
LANGUAGE = (ROOT / "docs" / "rule-language.md").read_text("utf-8")
QUERIES = re.findall(r"```peil-query\n(.*?)\n```", LANGUAGE, re.DOTALL)


def settings(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= settings(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field
    return found


@pytest.fixture(scope="module")
def enrich() -> Enrich:
    return Examples(ROOT / "config" / "places.toml")


@pytest.mark.parametrize("block", QUERIES)
def test_the_examples_of_the_language_hold(block: str, enrich: Enrich) -> None:
    query, *examples = block.splitlines()
    tree = parse(query).tree
    assert examples
    for example in examples:
        post = enrich(example_post(Example(example[2:], lang="nl")))
        assert evaluate(tree, post).matched is (example[0] == "+"), example


def test_how_much_a_query_may_hold_is_what_the_parser_takes() -> None:
    told = re.findall(r"^\| .+ \| ([\d,]+) \|$", LANGUAGE, re.MULTILINE)
    limits = (MAX_LENGTH, MAX_DEPTH, MAX_NEARS, MAX_DISTANCE)
    assert told == [f"{each:,}" for each in limits]


def test_every_setting_is_documented_and_the_other_way_round() -> None:
    documented = re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \| (.*?) \|$", OPERATIONS, re.MULTILINE)
    expected = {
        (name, repr(field.default), field.description) for name, field in settings(Settings).items()
    }
    assert set(documented) == expected


def test_every_metric_is_documented_and_the_other_way_round() -> None:
    documented = set(re.findall(r"^\| `(peil_\w+)` \|", OPERATIONS, re.MULTILINE))
    assert documented == set(METRICS)


def test_every_command_is_documented_and_the_other_way_round() -> None:
    group = typer.main.get_command(application)
    commands = getattr(group, "commands", {})
    names = set[str]()
    for name, command in commands.items():
        names |= {f"{name} {inner}" for inner in getattr(command, "commands", {})} or {name}
    documented = set[str]()
    for cell in re.findall(r"^\| (`peil .*?) \|", OPERATIONS, re.MULTILINE):
        first, *others = re.findall(r"`(.*?)`", cell)
        words = first.removeprefix("peil ").split()
        documented.add(" ".join(words))
        documented |= {f"{words[0]} {other}" for other in others}
    assert documented == names


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_path_in_the_documentation_exists() -> None:
    for page in [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text("utf-8")
        for path in re.findall(
            r"`((?:stream|privacy|rules|ingest|enrich|index|peil|tests|bench)/[\w/.]+)", text
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_no_other_distribution_ships_our_packages() -> None:
    ours = ("stream", "privacy", "rules", "ingest", "enrich", "index", "peil")
    found = packages_distributions()
    assert {each for name in ours for each in found.get(name, ())} <= {"peil"}
