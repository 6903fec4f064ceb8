import csv
import json
from pathlib import Path

import pytest

from peil import connect
from stream.errors import Stop
from tests.peil.commands import Peil

WRITTEN = (
    "Fatbikes scheuren hier elke\u2028avond over de stoep, weer overlast nummer",
    "De kippen naast ons maken lawaai, weer overlast nummer",
    "Lekker weer vandaag, we gaan met de trein naar zee nummer",
)


def about(number: int) -> object:
    """A number that is shown: noise, and at most the last nine authors are not counted yet."""
    return pytest.approx(number - 4, abs=14)


@pytest.fixture
def city(peil: Peil, folder: Path, tmp_path: Path) -> Path:
    """A folder with 40 posts of each text; a rule matches those of the first."""
    items = [
        {
            "id": str(n), "author": f"user_{n}x", "body": f"{WRITTEN[n % 3]} {n}",
            "timestamp": f"2026-11-{1 + n // 3 % 15:02} 12:00:00",
        }
        for n in range(120)
    ]  # fmt: skip
    path = tmp_path / "posts.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in items))
    peil("import", str(path))
    return folder


def test_a_backtest_finds_what_no_rule_matched_and_says_where_it_is_biased(
    peil: Peil, city: Path
) -> None:
    told = json.loads(peil("rules", "backtest", "--query", "trein OR overlast", "--json").stdout)
    recent, kept = told["parts"]
    assert recent["posts"] == about(120)
    assert kept["posts"] == about(40)
    assert not recent["bias"]
    assert "too low" in kept["bias"]
    assert {each["text"]: each["posts"] for each in recent["earned"]} == {
        "trein": about(40), "overlast": about(80),
    }  # fmt: skip
    page = peil(
        "rules", "backtest", "voertuigoverlast", "--against", "voertuigoverlast", "--texts", "5"
    ).stdout
    assert "Not a fair sample" in page
    assert "lost without it" in page
    assert "fatbike" in page.casefold()
    assert "<10 gained, <10 lost" in page
    assert "user_" not in page
    with connect(city) as connection:
        done = connection.backtest("trein OR overlast")
        assert done.recent.posts == recent["posts"]
        assert connection.backtest(rule="voertuigoverlast").kept.posts == about(40)
        with pytest.raises(Stop, match="a query or a rule"):
            connection.backtest()
    suggested = json.loads(peil("rules", "suggest", "--query", "kippen", "--json").stdout)
    words = {each["word"] for each in suggested["terms"]}
    assert "lawaai" in words, suggested
    assert "de kippen" not in words


def test_what_cannot_be_meant_is_said(peil: Peil, city: Path) -> None:
    assert "did you mean 'woningnood'" in peil("rules", "backtest", "woningnod", code=3).stderr
    assert "no version" in peil("rules", "backtest", "woningnood@ffff", code=3).stderr
    assert "a rule, or --query" in peil("rules", "backtest", code=2).stderr


def test_texts_are_judged_here_and_in_a_file(peil: Peil, city: Path, tmp_path: Path) -> None:
    rule = "voertuigoverlast"
    assert "is judged yet" in peil("rules", "precision", rule).stdout
    said = peil("rules", "sample", rule, "-n", "5", text="y\nmaybe\ny\nn\nq\n").stdout
    assert "Type y, n, ? or q." in said
    assert "user_" not in said
    estimates = json.loads(peil("rules", "precision", rule, "--json").stdout)["estimates"]
    assert estimates[0]["language"] == "all"
    assert (estimates[0]["right"], estimates[0]["wrong"]) == (2, 1)

    path = tmp_path / "sample.csv"
    peil("rules", "sample", rule, "-n", "8", "--out", str(path))
    assert path.stat().st_mode & 0o077 == 0
    assert "is there already" in peil("rules", "sample", rule, "--out", str(path), code=3).stderr
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == 5
    assert all("hier elke avond" in row["right"] for row in rows)
    for row in rows:
        row["verdict"] = "y"
    rows[0]["verdict"], rows[1]["verdict"] = "", "?"
    write(path, rows)
    assert "4 verdicts" in peil("rules", "verdicts", str(path)).stdout
    (total, *_) = json.loads(peil("rules", "precision", rule, "--json").stdout)["estimates"]
    assert (total["right"], total["wrong"], total["unsure"]) == (5, 1, 1)
    assert total["low"] < 5 / 6 < total["high"]
    for wrong in ("9" * 30, "9" * 5_000, "x" * 200_000):
        write(path, [rows[0] | {"verdict": "y", "row": wrong}])
        assert "line 2" in peil("rules", "verdicts", str(path), code=3).stderr
    rows[1]["left"] = "a\u2028b\u0085c\x0bd\x0ce\x1cf"
    write(path, [rows[1] | {"verdict": "n"}, rows[0] | {"verdict": ""}])
    assert "1 verdicts" in peil("rules", "verdicts", str(path)).stdout
    write(path, [rows[2], rows[3], rows[2] | {"verdict": "n"}])
    assert "lines 2 and 4: row 3 has two" in peil("rules", "verdicts", str(path), code=3).stderr
    rows[0]["verdict"] = "perhaps"
    write(path, rows)
    assert "line 2" in peil("rules", "verdicts", str(path), code=3).stderr


def test_near_misses_of_a_rule_with_dates_are_of_these_dates(peil: Peil, city: Path) -> None:
    made = (city / "config" / "rules" / "voertuigoverlast.toml").read_text()
    head = made[: made.index("query = ")].replace('"voertuigoverlast"', '"stoeprijden"')
    path = city / "config" / "rules" / "stoeprijden.toml"

    def sampled(query: str, code: int = 0) -> str:
        path.write_text(f"{head}query = '{query}'\n")
        done = peil(
            "rules", "sample", "stoeprijden", "--near-miss", "-n", "3", text="q\n", code=code
        )
        return done.stdout + done.stderr

    said = sampled("fatbike* NEAR/2 stoep date:2026-11")
    assert "1 of 3" in said
    assert "2026-11-" in said
    assert "1 of 3" not in sampled("fatbike* NEAR/2 stoep date:2026-10", code=1)
    assert "nothing that could be looser" in sampled("date:2026-11", code=3)
    refused = sampled("fatbike* OR (stoep NEAR/2 over date:2026-11)", code=2)
    assert "line 1, column 32: date: as a condition of the whole" in refused


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
