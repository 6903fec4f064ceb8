"""Kill processes at random moments, then look for every post, id by id.

    python bench/kills.py [ROUNDS] [SEED]
    python bench/kills.py --roles [ROUNDS] [SEED]

Without `--roles` each round kills an import, in which one process collects, enriches and
indexes. With it the roles run as processes of their own; each round imports beside them, kills
the import, the enriching or the indexing process, and starts what was killed again. Exit code 1
when a post is lost or stands twice.
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


def prepare(folder: Path) -> None:
    WorkingFolder.init(folder)
    until = to_datetime(SystemClock().now() + 30 * DAY_MS).date().isoformat()
    opened = peil(
        folder, "sources", "open", "upload", "--owner", "o", "--purpose", "p", "--basis", "b",
        "--dpia", "d", "--obtained", "o", "--until", until,
    )  # fmt: skip
    assert opened.wait() == 0


def kill_imports(folder: Path, files: list[Path], rng: random.Random) -> Counter[str]:
    killed = Counter[str]()
    for path in files:
        process = peil(folder, "import", str(path))
        time.sleep(rng.uniform(0.8, 3.0))
        if process.poll() is None:
            process.kill()
            killed["import"] += 1
        process.wait()
    assert peil(folder, "import", *map(str, files)).wait() == 0
    return killed


def kill_roles(folder: Path, files: list[Path], rng: random.Random) -> Counter[str]:
    killed = Counter[str]()
    roles = {role: peil(folder, "run", "--role", role) for role in ("enrich", "index")}
    try:
        for path in files:
            running = {**roles, "import": peil(folder, "import", str(path))}
            time.sleep(rng.uniform(0.5, 4.0))
            victim = rng.choice(sorted(running))
            if running[victim].poll() is None:
                running[victim].kill()
                killed[victim] += 1
            running["import"].wait()
            if victim in roles:
                roles[victim].wait()
                roles[victim] = peil(folder, "run", "--role", victim)
        assert peil(folder, "import", *map(str, files)).wait() == 0
        deadline = time.monotonic() + 300
        while count(folder, len(files) * POSTS)[0] and time.monotonic() < deadline:
            time.sleep(1)
    finally:
        for process in roles.values():
            process.terminate()
            process.wait()
    return killed


def main(rounds: int, seed: int, *, roles: bool) -> int:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "city"
        prepare(folder)
        files = [Path(name) / f"{number}.ndjson" for number in range(rounds)]
        for number, path in enumerate(files):
            write(path, number)
        killed = (kill_roles if roles else kill_imports)(folder, files, rng)
        places = count(folder, rounds * POSTS)
    print(f"killed in {rounds} rounds (seed {seed}): {dict(killed)}; of {rounds * POSTS} posts:")
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
    words = [word for word in sys.argv[1:] if word != "--roles"]
    chosen_rounds, chosen_seed = [*map(int, words), *(50, 1)[len(words) :]]
    sys.exit(main(chosen_rounds, chosen_seed, roles="--roles" in sys.argv))
