"""The cache folder: what the servers are made of, fetched once and kept.

`TEST_SERVER_CACHE` names the folder; without it, it is `~/.cache/peil-servers`. Where the
files come from is a matter of the settings of Maven and npm. Any number of processes may ask at
once.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from stream.errors import Stop

PACKAGES = {"java": "default-jre-headless", "mvn": "maven"}
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def program(name: str) -> str:
    """The path of a program of this machine."""
    found = shutil.which(name)
    if found is None:
        raise Stop(
            f"{name} is missing, and a real server needs it; on Debian or Ubuntu: "
            f"apt-get install {PACKAGES[name]}"
        )
    return found


def cached(name: str, fill: Callable[[Path], Path]) -> Path:
    """The folder `name` of the cache.

    When it is not there yet, `fill` is called with an empty folder to work in and returns the
    folder in it that is to be kept. Whoever asks meanwhile waits; what was left half done by a
    process that died is done again.
    """
    cache = Path(os.environ.get("TEST_SERVER_CACHE") or Path.home() / ".cache" / "peil-servers")
    cache.mkdir(parents=True, exist_ok=True)
    cache = cache.resolve()
    kept = cache / name
    if kept.exists():
        return kept
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return kept
        work = cache / f"{name}.partial"
        if work.exists():
            shutil.rmtree(work)
        work.mkdir()
        fill(work).rename(kept)
        shutil.rmtree(work)
    return kept


def jars(name: str, project: str) -> Path:
    """The folder `name` of the cache with the jars that a project of Maven depends on."""

    def fill(work: Path) -> Path:
        maven("copy-dependencies", work, project=project, outputDirectory=str(work / "jars"))
        return work / "jars"

    return cached(name, fill)


def maven(goal: str, work: Path, *, project: str | None = None, **options: str) -> None:
    """Run a goal of Maven's dependency plugin. All that Maven itself keeps goes into `work`."""
    words = [program("mvn"), "-B", "-q", "-C", f"-Dmaven.repo.local={work / 'repository'}"]
    program("java")
    if project is not None:
        (work / "pom.xml").write_text(project)
    words.append(f"{PLUGIN}:{goal}")
    words += [f"-D{name.replace('_', '.')}={value}" for name, value in options.items()]
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(
            f"Maven could not fetch what a server is made of (into {work.parent}); "
            f"is its registry within reach? It said:\n{(done.stdout + done.stderr)[-2000:]}"
        )
