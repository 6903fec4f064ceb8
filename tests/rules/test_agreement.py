"""What is mistyped is told with its place; in full: `python -m bench.agreement`."""

import random
import shutil
from pathlib import Path

import pytest

from bench.mutations import mutated, problems_of, refusal_of, spoilt
from rules.files import load_book

CONFIG = Path(__file__).parents[2] / "config"
BOOK = load_book(CONFIG)


@pytest.mark.parametrize("seed", range(10))
def test_a_mutated_query_is_read_or_its_mistakes_have_places(seed: int) -> None:
    rng = random.Random(seed)
    queries = [rule.query for rule in BOOK.rules.values()]
    lists = BOOK.lookup()
    found = [problems_of(mutated(rng.choice(queries), rng), lists) for _ in range(50)]
    assert any(found)
    assert not all(found)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("rules", "lists"):
        shutil.copytree(CONFIG / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_file_is_read_or_named(config: Path, seed: int) -> None:
    rng = random.Random(seed)
    paths = sorted(config.glob("*/*.toml"))
    chosen = [rng.choice(paths) for _ in range(50)]
    refused = [refusal_of(config, path, spoilt(path.read_bytes(), rng)) for path in chosen]
    assert any(refused)
    assert not all(refused)


def test_a_file_that_is_no_toml_is_told_with_its_line(config: Path) -> None:
    (config / "rules" / "woningnood.toml").write_text('id = "woningnood"\ntitle = "x\n')
    (unread,) = load_book(config).unread
    assert str(unread).startswith("rules/woningnood.toml, line 2, column 11: ")
    assert unread.text == 'title = "x'
