"""Kill imports at random moments, then look for every post, id by id.

`python bench/kills.py [ROUNDS] [SEED]`. One process collects, enriches and indexes, so a moment
falls on any of the three. Exit code 1 when a post is lost or stands twice.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import DAY_MS, SystemClock, to_datetime

POSTS = 300
PEIL = (sys.executable, "-c", "from peil.command import main; main()")
TEXTS = ("Fatbikes scheuren hier elke avond over de stoep", "Lekker weer, we gaan naar zee")


def peil(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PEIL, "-C", str(folder), "--set", "stream.batch=20", *words], stdout=subprocess.DEVNULL
    )


def write(path: Path, round_: int) -> None:
    with path.open("w") as file:
        for number in range(round_ * POSTS, (round_ + 1) * POSTS):
            item = {
                "id": str(number),
                "author": f"a{number}",
                "body": f"{TEXTS[number % 2]} {number}",
                "timestamp": "2026-11-20 12:00:00",
            }
            file.write(json.dumps(item) + "\n")


def main(rounds: int, seed: int) -> int:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "city"
        WorkingFolder.init(folder)
        until = to_datetime(SystemClock().now() + 30 * DAY_MS).date().isoformat()
        opened = peil(
            folder, "sources", "open", "upload", "--owner", "o", "--purpose", "p", "--basis", "b",
            "--dpia", "d", "--obtained", "o", "--until", until,
        )  # fmt: skip
        assert opened.wait() == 0
        killed = 0
        for round_ in range(rounds):
            path = Path(name) / f"{round_}.ndjson"
            write(path, round_)
            process = peil(folder, "import", str(path))
            time.sleep(rng.uniform(0.8, 3.0))
            if process.poll() is None:
                process.kill()
                killed += 1
            process.wait()
        files = [str(Path(name) / f"{round_}.ndjson") for round_ in range(rounds)]
        assert peil(folder, "import", *files).wait() == 0
        places = count(folder, rounds * POSTS)
    print(f"{killed} of {rounds} imports were killed (seed {seed}); of {rounds * POSTS} posts:")
    more = places.total() - places[0] - places[1]
    print(f"  lost {places[0]}, once {places[1]}, more than once {more}")
    return 0 if places[1] == rounds * POSTS else 1


def count(folder: Path, posts: int) -> Counter[int]:
    working = WorkingFolder.open(folder)
    with Pipeline(
        working, load_settings(working.settings, environ={}), clock=SystemClock()
    ) as pipeline:
        ids = [pipeline.keys.post_id("file", str(number)) for number in range(posts)]
        found = pipeline.store.where(ids)
        return Counter(len(found.get(each, ())) for each in ids)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [50, 1][len(numbers) :])))
