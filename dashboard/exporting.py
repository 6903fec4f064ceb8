"""Tables as files: CSV, NDJSON, Excel and Parquet, with a mark that travels with every row.

A row has the id of its export and the day after which it is to be deleted, and a number drawn at
random: from the access log one learns who exported it and why, from the row one does not learn
which post it was.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Format = Literal["csv", "ndjson", "xlsx", "parquet"]
Row = Mapping[str, Any]

MEDIA: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


@dataclass(frozen=True)
class Mark:
    """Who exported what, until when it may be kept: `id` is in the access log."""

    id: str
    until: date
    about: str


def marked(rows: Sequence[Row], mark: Mark, *, rng: random.Random) -> list[dict[str, Any]]:
    """`rows` with the mark, and numbers that say nothing about their order."""
    numbers = rng.sample(range(10_000, 10_000 + 100 * (len(rows) + 1)), len(rows))
    return [
        {"row": number, **row, "export": mark.id, "delete_after": mark.until.isoformat()}
        for number, row in zip(numbers, rows, strict=True)
    ]


def written(rows: Sequence[Row], form: Format, mark: Mark) -> bytes:
    """The file. What would be a formula in a spreadsheet is text in every format."""
    writers: Mapping[Format, Callable[[Sequence[Row], Mark], bytes]] = {
        "csv": _csv,
        "ndjson": _ndjson,
        "xlsx": _xlsx,
        "parquet": _parquet,
    }
    return writers[form](rows, mark)


def _csv(rows: Sequence[Row], _mark: Mark) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(rows[0].keys() if rows else ["row"])
    for row in rows:
        writer.writerow([_harmless(value) for value in row.values()])
    return file.getvalue().encode("utf-8-sig")  # with which Excel reads it as UTF-8


def _ndjson(rows: Sequence[Row], _mark: Mark) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _xlsx(rows: Sequence[Row], mark: Mark) -> bytes:
    import xlsxwriter  # noqa: PLC0415  (most pages never need it)

    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet("peil")
        for column, name in enumerate(rows[0].keys() if rows else ["row"]):
            sheet.write_string(0, column, name)
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row.values()):
                if isinstance(value, int | float):
                    sheet.write_number(number, column, value)
                elif value is not None:
                    sheet.write_string(number, column, str(value))
        about = book.add_worksheet("about")
        for number, line in enumerate(mark.about.splitlines()):
            about.write_string(number, 0, line)
    return file.getvalue()


def _parquet(rows: Sequence[Row], mark: Mark) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  (the same)
    from pyarrow import parquet  # noqa: PLC0415  (the same)

    table = pa.Table.from_pylist([dict(row) for row in rows])
    table = table.replace_schema_metadata({"about": mark.about, "export": mark.id})
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def _harmless(value: Any) -> Any:
    """A text that begins like a formula gets an apostrophe, which a spreadsheet does not show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
