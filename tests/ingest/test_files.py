import codecs
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.contract import Batch
from ingest.files import reading
from ingest.files.collector import FileCollector, FileSettings
from ingest.timestamps import parse_moment
from stream.clock import DAY_MS, ManualClock
from stream.errors import Stop
from stream.post import RawDelete, RawPost
from stream.testing import START

ITEM = {"id": "1", "author": "a", "body": "een tekst", "timestamp": "2026-08-01 00:23:51"}


def lines(items: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def collect(path: Path, *, cursor: dict[str, Any] | None = None, **settings: Any) -> list[Batch]:
    collector = FileCollector(FileSettings(**settings), paths=[path], clock=ManualClock(START))
    return list(collector.poll(cursor or {}))


def everything(batches: list[Batch]) -> tuple[list[Any], list[str]]:
    for batch in batches:
        assert batch.read == len(batch.items) + len(batch.rejected) + sum(batch.skipped.values())
    items = [item for batch in batches for item in batch.items]
    return items, [rejected.why for batch in batches for rejected in batch.rejected]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_4cat_export_is_mapped(tmp_path: Path) -> None:
    item = ITEM | {
        "thread_id": "0",
        "like_count": 3,
        "repost_count": 4,
        "tags": ["x"],
        "language": "nl",
    }
    (post,), rejected = everything(collect(write(tmp_path / "a.ndjson", lines([item]))))
    assert rejected == []
    assert isinstance(post, RawPost)
    assert (post.kind, post.reach, post.hashtags, post.declared_lang) == ("reply", 7, ("x",), "nl")
    assert post.created_at == 1_785_543_831_000


def test_a_zeeschuimer_item_is_mapped(tmp_path: Path) -> None:
    item = {
        "nav_index": "1:1",
        "item_id": "77",
        "timestamp_collected": START,
        "source_platform": "Gab.com",
        "data": {
            "id": "77",
            "desc": "een tekst",
            "createTime": 1_785_543_831,
            "author": {"id": "9"},
        },
    }
    (post,), _ = everything(collect(write(tmp_path / "a.ndjson", lines([item]))))
    assert (post.platform, post.text, post.author) == ("gab", "een tekst", "9")


SECONDS = 1_785_543_831

PLATFORMS: dict[str, dict[str, Any]] = {
    "tiktok.com": {
        "id": "77", "desc": "een tekst #buurt", "createTime": SECONDS, "author": {"id": "9"},
        "stats": {"diggCount": 3, "shareCount": 1, "commentCount": 2, "playCount": 900},
        "challenges": [{"id": "1", "title": "buurt"}],
    },
    "douyin.com": {
        "aweme_id": "77", "desc": "een tekst #buurt", "create_time": SECONDS,
        "author": {"uid": "9"},
        "statistics": {"digg_count": 3, "share_count": 1, "comment_count": 2},
        "hashtags": [{"name": "buurt"}],
    },
    "x.com": {
        "rest_id": "77", "core": {},
        "legacy": {
            "full_text": "een tekst #buurt", "created_at": "Sat Aug 01 00:23:51 +0000 2026",
            "user_id_str": "9", "favorite_count": 3, "retweet_count": 1, "reply_count": 1,
            "quote_count": 1, "hashtags": [{"text": "buurt"}], "lang": "nl",
        },
    },
    "instagram.com": {
        "id": "77", "caption": {"text": "een tekst #buurt"}, "taken_at": SECONDS,
        "user": {"pk": "9", "username": "iemand"}, "like_count": 4, "comment_count": 2,
        "hashtags": ["buurt"],
    },
    "truthsocial.com": {
        "id": "77", "content": "<p>een tekst <a>#buurt</a></p>",
        "created_at": "2026-08-01T00:23:51.000Z", "account": {"id": "9", "username": "iemand"},
        "favourites_count": 3, "reblogs_count": 1, "replies_count": 2,
        "tags": [{"name": "buurt", "url": "https://a.example"}],
    },
}  # fmt: skip
"""Items of our own making, in the shapes in which Zeeschuimer hands over each platform's."""


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_platforms_own_shape_is_mapped(tmp_path: Path, platform: str) -> None:
    item = {
        "nav_index": "1:1", "item_id": "77", "timestamp_collected": START,
        "source_platform": platform, "source_platform_url": f"https://{platform}",
        "user_agent": "x", "data": PLATFORMS[platform],
    }  # fmt: skip
    (post,), rejected = everything(collect(write(tmp_path / "a.ndjson", lines([item]))))
    assert rejected == []
    assert post.platform == platform.removesuffix(".com")
    assert (post.native_id, post.author, post.text) == ("77", "9", "een tekst #buurt")
    assert (post.created_at, post.edited_at) == (SECONDS * 1000, START)
    assert (post.reach, post.hashtags) == (6, ("buurt",))


def test_every_column_of_a_4cat_export_is_read(tmp_path: Path) -> None:
    rows = (
        "id,thread_id,author,body,timestamp,like_count,quote_count,reply_count,repost_count,tags,"
        "links,languages,collected_at,deleted\n"
        '1,0,a,een tekst,2026-08-01 00:23:51,1,2,3,4,"x,y",https://a.example/b,nl,'
        "2026-08-02 00:00:00,\n"
        "2,2,a,,2026-08-01 00:23:51,,,,,,,,2026-08-03 00:00:00,true\n"
    )
    (post, gone), rejected = everything(collect(write(tmp_path / "a.csv", rows.encode())))
    assert rejected == []
    assert isinstance(post, RawPost)
    assert (post.kind, post.reach, post.hashtags) == ("reply", 10, ("x", "y"))
    assert (post.links, post.declared_lang) == (("https://a.example/b",), "nl")
    assert (post.created_at, post.edited_at) == (SECONDS * 1000, 1_785_628_800_000)
    assert isinstance(gone, RawDelete)
    assert (gone.native_id, gone.edited_at) == ("2", 1_785_715_200_000)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_many_kinds_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow(["id", "author", "body", "timestamp"])
    writer.writerow(["1", "a", 'café "met" é\nregel twee', "1785543831"])
    path = write(tmp_path / "a.csv", buffer.getvalue().encode(encoding))
    (post,), rejected = everything(collect(path))
    assert rejected == []
    assert post.text.replace("\r", "") == 'café "met" é\nregel twee'


def test_own_names_of_columns_are_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"nr,bericht\n5,hallo\n")
    (post,), _ = everything(
        collect(path, columns={"id": "nr", "text": "bericht"}, platform="forum")
    )
    assert (post.native_id, post.text, post.platform) == ("5", "hallo", "forum")


def test_a_deleted_flag_is_a_delete(tmp_path: Path) -> None:
    (item,), _ = everything(
        collect(write(tmp_path / "a.ndjson", lines([ITEM | {"deleted": True}])))
    )
    assert isinstance(item, RawDelete)


def test_a_truncated_gz_gives_what_came_before(tmp_path: Path) -> None:
    items = [ITEM | {"id": str(n), "body": f"tekst {n} " + "x" * (n % 50)} for n in range(5000)]
    whole = gzip.compress(lines(items))
    path = write(tmp_path / "a.ndjson.gz", whole[: len(whole) * 2 // 3])
    found, rejected = everything(collect(path))
    assert 1000 < len(found) < 5000
    assert "ends in the middle" in rejected[-1]


def test_one_bad_item_costs_that_item(tmp_path: Path) -> None:
    data = b"\n".join(
        [
            json.dumps(ITEM).encode(),
            b"{not json",
            b"[1, 2]",
            b'"text"',
            json.dumps({"unknown": "shape"}).encode(),
            json.dumps(ITEM | {"id": "2", "body": "x" * 2_000_000}).encode(),
            json.dumps(ITEM | {"id": "3", "body": "a\x00b"}).encode(),
            b'{"id": "4", "body": "lone \\ud83d surrogate"}',
            json.dumps(ITEM | {"id": "5", "timestamp": "0001-01-01"}).encode(),
            json.dumps(ITEM | {"id": "6", "timestamp": "9999-12-31"}).encode(),
            json.dumps(ITEM | {"id": "7", "timestamp": "yesterday-ish"}).encode(),
            b"[" * 100_000,
        ]
    )
    found, rejected = everything(collect(write(tmp_path / "a.ndjson", data)))
    assert [post.native_id for post in found] == ["1", "3", "4", "5", "6", "7"]
    assert len(rejected) == 6
    assert found[-1].flags == ("unread_date",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_row_that_is_too_long_is_rejected_and_the_next_one_read(
    tmp_path: Path, encoding: str
) -> None:
    rows = ["id,body", "1,een", f"2,{'x' * 2_000_000}", "3,drie", ""]
    path = write(tmp_path / "a.csv", "\n".join(rows).encode(encoding))
    items, rejected = everything(collect(path))
    assert [item.native_id for item in items] == ["1", "3"]
    assert rejected == ["over 1000000 bytes"]


@pytest.mark.parametrize("stated", ["jan.jansen", "06 12345678", "\ud800", 7, None])
def test_a_platform_that_is_not_known_is_the_sources(tmp_path: Path, stated: object) -> None:
    path = write(tmp_path / "a.ndjson", lines([ITEM | {"platform": stated}]))
    assert [item.platform for item in everything(collect(path))[0]] == ["file"]
    named = lines([ITEM | {"platform": "Onze-Wijk"}, ITEM | {"id": "2", "platform": "x.com"}])
    found = everything(collect(write(tmp_path / "b.ndjson", named), platforms=("onze-wijk",)))[0]
    assert [item.platform for item in found] == ["onze-wijk", "x"]


def test_many_rows_that_do_not_end_are_not_read_again_and_again(tmp_path: Path) -> None:
    rows = ["id,body", *(f'"{n}","tekst {n}' for n in range(3_000)), ""]
    path = write(tmp_path / "a.csv", "\n".join(rows).encode())
    taken = 0
    real = reading.RowLines.__next__

    def counted(self: Any) -> str:
        nonlocal taken
        taken += 1
        return real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading.RowLines, "__next__", counted)
        items, rejected = everything(collect(path))
    assert len(items) + len(rejected) >= 2_900
    assert taken < 50_000


def test_a_row_over_many_lines_is_one_item_however_long(tmp_path: Path) -> None:
    long = "regel\n" * 300_000
    rows = f'id,body\n1,"een\ntwee"\n2,"{long}"\n3,drie\n'
    items, rejected = everything(collect(write(tmp_path / "a.csv", rows.encode())))
    assert [item.native_id for item in items] == ["1", "3"]
    assert items[0].text == "een\ntwee"
    assert rejected == ["over 1000000 bytes"]


@pytest.mark.parametrize("last", ['99,"slot"', "99,slot"])
@pytest.mark.parametrize("bad", ['5,"open', '5,"open,tekst', '"5,open'])
def test_a_quotation_mark_that_is_not_closed_costs_its_row(
    tmp_path: Path, bad: str, last: str
) -> None:
    rows = ["id,body", *(f"{n},tekst {n}" for n in range(5)), bad, "6,zes", "7,zeven", last, ""]
    items, rejected = everything(collect(write(tmp_path / "a.csv", "\n".join(rows).encode())))
    assert [item.native_id for item in items] == ["0", "1", "2", "3", "4", "6", "7", "99"]
    assert len(rejected) == 1


def test_a_csv_without_a_header_is_refused_and_none_of_it_is_repeated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"jan@example.org,Mijn nummer is 0612345678\nx,y\n")
    with pytest.raises(Stop, match="first line must name them") as caught:
        collect(path)
    assert "jan" not in str(caught.value)
    assert len(everything(collect(path, columns={"text": "jan@example.org"}))[0]) == 1


def test_keys_that_may_be_values_are_not_kept(tmp_path: Path) -> None:
    item = {
        "jan.jansen@example.org": {},
        "0612345678": 1,
        "een hele zin": 2,
        "nieuw_veld": 3,
        "x" * 41: 4,
    }
    (batch,) = collect(write(tmp_path / "a.ndjson", lines([item])))
    assert list(batch.rejected[0].skeleton) == ["nieuw_veld"]


def test_an_array_of_json_says_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="jq"):
        collect(write(tmp_path / "a.json", json.dumps([ITEM]).encode()))


def test_a_small_truncated_gz_gives_what_came_before(tmp_path: Path) -> None:
    data = gzip.compress(lines([ITEM | {"id": str(n), "body": f"{n * 7919}"} for n in range(40)]))
    items, rejected = everything(collect(write(tmp_path / "a.ndjson.gz", data[:-12])))
    assert len(items) > 20
    assert "ends in the middle" in rejected[-1]


def test_a_value_that_nobody_foresaw_costs_its_item(tmp_path: Path) -> None:
    odd = [
        b'{"id": "1", "body": "x", "timestamp": 1' + b"0" * 400 + b"}",
        b'{"id": "2", "body": "x", "like_count": 1' + b"0" * 400 + b"}",
        b'{"id": "3", "body": "x", "tags": ["a\\ud800b"], "platform": "\\ud800"}',
        b'{"\\ud800": 1}',
    ]
    path = write(tmp_path / "a.ndjson", b"\n".join(odd) + b"\n" + lines([ITEM | {"id": "5"}]))
    items, rejected = everything(collect(path))
    assert "5" in [item.native_id for item in items]
    assert rejected
    skeletons = [each.skeleton for batch in collect(path) for each in batch.rejected]
    assert msgspec.json.encode([rejected, skeletons])


def test_a_truncated_gz_of_utf_16_gives_what_came_before(tmp_path: Path) -> None:
    rows = "id,body\n" + "".join(f"{n},tekst {n * 7919}\n" for n in range(60_000))
    data = gzip.compress(rows.encode("utf-16"))
    items, rejected = everything(collect(write(tmp_path / "a.csv.gz", data[: len(data) // 2])))
    assert len(items) > 10_000
    assert [why for why in rejected if "ends in the middle" in why]


def test_a_rejected_item_leaves_no_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", lines([{"secret": "jan@example.org", "n": 1}]))
    (batch,) = collect(path)
    assert batch.rejected[0].skeleton == {"secret": "str", "n": "int"}
    assert "jan" not in repr(batch.rejected)


def test_every_cursor_gives_the_rest_exactly(tmp_path: Path) -> None:
    items = [ITEM | {"id": str(n)} for n in range(1700)]
    path = write(tmp_path / "a.ndjson", lines(items))
    batches = collect(path)
    read = 0
    for batch in batches:
        read += batch.read
        rest, _ = everything(collect(path, cursor=dict(batch.cursor)))
        assert [post.native_id for post in rest] == [str(n) for n in range(read, 1700)]
    assert read == 1700


def test_a_file_that_was_read_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", lines([ITEM]))
    (batch,) = collect(path)
    copy = write(tmp_path / "b.ndjson", path.read_bytes())
    (again,) = collect(copy, cursor=dict(batch.cursor))
    assert again.read == 0
    assert "--again" in again.warnings[0]


def test_a_file_is_forgotten_once_its_posts_cannot_be_held_any_more(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ndjson", lines([ITEM]))
    second = write(tmp_path / "b.ndjson", lines([ITEM | {"id": "2"}]))
    (batch,) = collect(first)
    for days, known in ((89, 2), (91, 1)):
        clock = ManualClock(START + days * DAY_MS)
        collector = FileCollector(FileSettings(), paths=[second], clock=clock)
        (after,) = collector.poll(batch.cursor)
        assert len(after.cursor["files"]) == known


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "empty"), (b"\x1f\x8b\x08\x00broken", "unpacked")]
)
def test_a_file_that_holds_nothing_is_a_clear_error(
    tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(Stop, match=message):
        collect(write(tmp_path / "a.ndjson", data))


def test_a_file_that_unpacks_without_end_is_stopped(tmp_path: Path) -> None:
    bomb = gzip.compress((b" " * 9_999 + b"\n") * 11_000, compresslevel=9)
    with pytest.raises(Stop, match="times its size"):
        collect(write(tmp_path / "a.ndjson.gz", bomb))


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    found, _ = everything(collect(write(tmp_path / "a.ndjson", codecs.BOM_UTF8 + lines([ITEM]))))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-08-01 00:23:51", 1_785_543_831_000),
        ("2026-08-01T02:23:51+02:00", 1_785_543_831_000),
        ("2026-08-01T00:23:51Z", 1_785_543_831_000),
        (1_785_543_831, 1_785_543_831_000),
        ("1785543831000", 1_785_543_831_000),
        (1_785_543_831_000_000, 1_785_543_831_000),
        ("01-08-2026 00:23", 1_785_543_780_000),
        ("Sat, 01 Aug 2026 00:23:51 +0000", 1_785_543_831_000),
        ("Sat Aug 01 00:23:51 +0000 2026", 1_785_543_831_000),
        ("", None),
        ("nan", None),
        ("tomorrow", None),
        (True, None),
    ],
)
def test_a_moment_is_read_however_it_is_written(written: Any, expected: int | None) -> None:
    assert parse_moment(written) == expected
