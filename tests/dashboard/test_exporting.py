import csv
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from dashboard.exporting import MEDIA, Format, Mark, marked, written

MARK = Mark(id="a1b2c3", until=date(2027, 2, 23), about="peil export a1b2c3\npurpose: trial")
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
EVIL = (
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
)
PLAIN = (
    "gewoon",
    'met "aanhaling", en komma',
    "twee\nregels",
    "عربي",
    "ığüş",
    "🔥",
    "",
    "'s nachts",
)
ROWS: list[dict[str, Any]] = [
    {"day": "2026-11-24", "posts": 12, "text": text} for text in (*PLAIN, *EVIL)
] + [{"day": "2026-11-25", "posts": None, "text": "klein"}]


def read_csv(data: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_ndjson(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().split("\n") if line]


def read_parquet(data: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return rows


def cells(data: bytes, sheet: int = 1) -> list[dict[str, Any]]:
    """The cells of a sheet by their letter, row by row, as a spreadsheet reads them."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        known: list[str] = []
        if "xl/sharedStrings.xml" in book.namelist():
            strings = ET.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314  (we wrote it)  (our own file)
            known = [
                "".join(text.text or "" for text in item.iter(f"{SHEET}t")) for item in strings
            ]
        root = ET.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314
    assert root.find(f".//{SHEET}f") is None, "a formula"
    assert root.find(f".//{SHEET}hyperlink") is None, "a link"
    found: list[dict[str, Any]] = []
    for row in root.iter(f"{SHEET}row"):
        line: dict[str, Any] = {}
        for cell in row.iter(f"{SHEET}c"):
            value = cell.findtext(f"{SHEET}v")
            is_text = cell.get("t") == "s"
            if value is not None:
                text = known[int(value)].replace("_x000D_", "\r") if is_text else ""
                line[str(cell.get("r"))[0]] = text if is_text else float(value)
        found.append(line)
    return found


def read_xlsx(data: bytes) -> list[dict[str, Any]]:
    head, *rows = cells(data)
    return [{name: row.get(letter) for letter, name in head.items()} for row in rows]


READERS: Mapping[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "csv": read_csv,
    "ndjson": read_ndjson,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
}


def exported(form: Any) -> list[dict[str, Any]]:
    rows = marked(ROWS, MARK, rng=random.Random(1))
    return READERS[form](written(rows, form, MARK))


@pytest.mark.parametrize("form", get_args(Format))
def test_a_file_gives_back_what_was_put_in(form: str) -> None:
    found = exported(form)
    assert len(found) == len(ROWS)
    for got, wanted in zip(found, ROWS, strict=True):
        text = wanted["text"]
        if form == "csv" and text in EVIL:
            text = f"'{text}"
        assert (got["text"] or "") == text
        assert got["day"] == wanted["day"]
        posts = wanted["posts"]
        if form == "csv":
            posts = "" if posts is None else str(posts)
        assert got["posts"] == posts


@pytest.mark.parametrize("form", get_args(Format))
def test_each_row_carries_its_mark(form: str) -> None:
    for row in exported(form):
        assert row["export"] == "a1b2c3"
        assert row["delete_after"] == "2027-02-23"
        assert float(row["row"]) >= 10_000


def test_no_cell_of_a_csv_begins_like_a_formula() -> None:
    rows = marked(ROWS, MARK, rng=random.Random(1))
    for row in csv.reader(io.StringIO(written(rows, "csv", MARK).decode("utf-8-sig"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in row)


def test_a_spreadsheet_has_texts_where_texts_were_put_in() -> None:
    rows = exported("xlsx")  # `cells` looks for formulas and links
    assert {row["text"] for row in rows} >= {EVIL[0], EVIL[1], EVIL[3]}
    links = [{"text": "http://evil.example", "mail": "mailto:a@b.example", "number": "0031"}]
    data = written(marked(links, MARK, rng=random.Random(1)), "xlsx", MARK)
    assert read_xlsx(data)[0]["number"] == "0031"
    assert [row["A"] for row in cells(data, sheet=2)] == ["peil export a1b2c3", "purpose: trial"]


@given(st.lists(st.text(max_size=20), max_size=20))
def test_any_text_survives_ndjson_and_is_no_formula_in_csv(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    rows = marked([{"text": text} for text in texts], MARK, rng=random.Random(1))
    assert [row["text"] for row in read_ndjson(written(rows, "ndjson", MARK))] == texts
    for row in read_csv(written(rows, "csv", MARK)):
        assert not row["text"].startswith(("=", "+", "-", "@"))


def test_row_numbers_say_nothing_of_the_order() -> None:
    rows = [{"posts": number} for number in range(500)]
    numbers = [row["row"] for row in marked(rows, MARK, rng=random.Random(4))]
    assert len(set(numbers)) == 500
    rising = sum(one < other for one, other in pairwise(numbers))
    assert 200 < rising < 300
    assert numbers != [row["row"] for row in marked(rows, MARK, rng=random.Random(5))]


@pytest.mark.parametrize("form", get_args(Format))
def test_a_file_without_rows_can_be_opened(form: Any) -> None:
    assert READERS[form](written([], form, MARK)) == []
    assert form in MEDIA


def test_a_parquet_file_says_what_it_is() -> None:
    data = written(marked(ROWS, MARK, rng=random.Random(1)), "parquet", MARK)
    metadata = parquet.read_schema(io.BytesIO(data)).metadata
    assert metadata[b"about"] == MARK.about.encode()
