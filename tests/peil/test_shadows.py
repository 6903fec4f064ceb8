"""A version that is not active yet, from the command line: counted, and seen nowhere else."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from privacy.noise import COINS
from stream.clock import DAY_MS, to_datetime
from tests.peil.commands import Peil

Held = Callable[..., int]

RULE = """
id = "speeltuin"
title = "Playgrounds"
purpose = "How large is the conversation about playgrounds"
category = "living"
owner = "team prevention"
expires = {expires}
query = "{query}"

[[match]]
text = "De schommels zijn weg"

[[no_match]]
text = "We gaan met de trein"
"""


def write_rule(folder: Path, query: str) -> None:
    expires = to_datetime(int(time.time() * 1000) + 300 * DAY_MS).date().isoformat()
    path = folder / "config" / "rules" / "speeltuin.toml"
    path.write_text(RULE.format(expires=expires, query=query))


def test_a_version_is_counted_beside_before_it_keeps_and_shows_anything(
    peil: Peil, held: Held, folder: Path, tmp_path: Path
) -> None:
    write_rule(folder, "schommel*")
    peil("rules", "sync", "--drafts")
    peil("rules", "shadow", "speeltuin")
    day = to_datetime(int(time.time() * 1000) - DAY_MS).date()
    path = tmp_path / "posts.ndjson"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "id": str(number),
                    "author": f"user_{number}x",
                    "body": f"De schommel is weer kapot, of de trein {number}"
                    if number % 2
                    else f"Lekker met de trein naar zee {number}",
                    "timestamp": f"{day} 10:00:00",
                }
            )
            + "\n"
            for number in range(60)
        )
    )
    peil("import", str(path))

    (found,) = json.loads(peil("rules", "shadowed", "speeltuin", "--json").stdout)
    (row,) = found["posts"]
    assert (found["bin"], row["day"], found["active"]) == ("day", day.isoformat(), "")
    assert row["shadow"] == pytest.approx(30, abs=COINS)
    assert row["all"] == pytest.approx(60, abs=COINS)
    assert row["active"] is None
    assert row["share"] == pytest.approx(0.5, abs=0.2)
    shown = peil("rules", "shadowed", "speeltuin").stdout
    assert f"{found['shadow']}, not shown, beside no active version" in shown

    assert held() == 0
    assert json.loads(peil("search", "--by", "rule_version", "--json").stdout) == []
    overview = json.loads(peil("overview", "--json").stdout)["phenomena"]
    (mine,) = [each for each in overview if each["rule"] == "speeltuin"]
    assert (mine["posts"], mine["languages"]) == (None, {})
    assert "there is no 'shadow'" in peil("search", "--by", "shadow", code=2).stderr

    peil("rules", "activate", "speeltuin")
    peil("rules", "backfill", "speeltuin")
    assert held("schommel") == 30
    series = json.loads(peil("series", "speeltuin", "--versions", "--json").stdout)
    (only,) = series["versions"]
    assert only["version"] == found["shadow"]
    assert only["posts"] == pytest.approx(30, abs=COINS)
    assert series["splices"] == []
