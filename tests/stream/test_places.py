import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stream.places
from stream.broker import Record
from stream.heads import Head
from stream.places import Places, Unusable, Witness
from stream.testing import START

BITS = 4
"""Blocks of sixteen offsets."""


def head(offset: int, key: str, author: str) -> Head:
    record = Record("posts", 0, offset, key, b"", START)
    return Head(record, key, author, 1)


def some(count: int, *, keys: int = 10, authors: int = 5, seed: int = 0) -> list[Head]:
    rng = random.Random(seed)
    return [
        head(number, f"key {rng.randrange(keys)}", f"author {rng.randrange(authors)}")
        for number in range(count)
    ]


def made(folder: Path, heads: list[Head]) -> Places:
    places = Places(folder, bits=BITS)
    places.open()
    places.add(heads)
    places.save(len(heads), Witness.of(heads[-1].record))
    return places


def opened(folder: Path) -> Places:
    places = Places(folder, bits=BITS)
    places.open()
    return places


def expected(heads: list[Head], keys: set[str], authors: set[str]) -> list[int]:
    return sorted(
        {each.record.offset for each in heads if each.id in keys or each.author in authors}
    )


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_happened_places_are_those_of_the_records_that_are_left(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("places")
    left: list[Head] = []
    offset = 0
    places = opened(folder)
    names = st.sampled_from([f"name {number}" for number in range(6)])
    for _ in range(data.draw(st.integers(1, 8))):
        step = data.draw(st.sampled_from(["add", "forget", "drop", "open"]))
        if step == "add":
            new: list[Head] = []
            for _ in range(data.draw(st.integers(1, 30))):
                offset += data.draw(st.integers(1, 9))  # a log has gaps
                new.append(head(offset, data.draw(names), data.draw(names)))
            offset += 1
            places.add(new)
            places.save(offset, Witness.of(new[-1].record))
            left += new
        elif step == "forget":
            gone = [each for each in left if data.draw(st.booleans())]
            places.forget(gone)
            left = [each for each in left if each not in gone]
        elif step == "drop":
            before = data.draw(st.integers(0, offset))
            places.drop(before)
            left = [each for each in left if each.record.offset >= before]
        else:
            places = opened(folder)
        for name in ("name 0", "name 3", "unknown"):
            assert places.find([name], []) == expected(left, {name}, set())
            assert places.find([], [name]) == expected(left, set(), {name})
        everybody = {each.id for each in left}
        assert places.find(everybody, everybody) == expected(left, everybody, everybody)


def test_what_is_forgotten_or_dropped_leaves_no_hash_in_any_file(tmp_path: Path) -> None:
    heads = [head(number, f"key {number}", f"author {number}") for number in range(40)]
    places = made(tmp_path, heads)

    def there() -> set[int]:
        found: set[int] = set()
        for path in tmp_path.glob("*.block"):
            data = path.read_bytes()
            found |= {
                int.from_bytes(data[at : at + 8], "little") >> BITS for at in range(0, len(data), 8)
            }
        return {
            number
            for number in range(40)
            if any(
                stream.places._hash(f"{name} {number}") >> BITS in found
                for name in ("key", "author")
            )
        }

    assert there() == set(range(40))
    places.forget([heads[5], heads[20], heads[21]])
    assert there() == set(range(40)) - {5, 20, 21}
    places.drop(18)
    assert there() == set(range(18, 40)) - {20, 21}
    places.forget(heads)
    assert there() == set()
    places.drop(48)
    assert [path.name for path in tmp_path.iterdir()] == ["position.json"]
    assert opened(tmp_path).witness is None


def test_a_large_block_keeps_its_order_when_many_are_forgotten(tmp_path: Path) -> None:
    heads = some(5_000, keys=3_000, authors=700)
    places = Places(tmp_path)
    places.open()
    places.add(heads)
    places.save(5_000, None)
    rng = random.Random(3)
    gone = rng.sample(heads, 2_000)
    places.forget(gone)
    left = [each for each in heads if each not in gone]
    keys, authors = {f"key {n}" for n in range(0, 3_000, 7)}, {f"author {n}" for n in range(90)}
    assert places.find(keys, authors) == expected(left, keys, authors)


def cut_short(folder: Path) -> None:
    path = next(folder.glob("*.block"))
    path.write_bytes(path.read_bytes()[:-8])


def overwritten(folder: Path) -> None:
    path = next(folder.glob("*.block"))
    path.write_bytes(b"\0" * path.stat().st_size)


def emptied(folder: Path) -> None:
    next(folder.glob("*.block")).write_bytes(b"")


def lost(folder: Path) -> None:
    next(folder.glob("*.block")).unlink()


def garbled(folder: Path) -> None:
    (folder / "position.json").write_bytes(b'{"format": 1, "bits"')


def binary(folder: Path) -> None:
    (folder / "position.json").write_bytes(b"\xff\0\xfe")


def of_another_release(folder: Path) -> None:
    path = folder / "position.json"
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":99'))


@pytest.mark.parametrize(
    "harm", [cut_short, overwritten, emptied, lost, garbled, binary, of_another_release]
)
def test_what_cannot_be_relied_on_is_told_and_can_be_made_anew(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    heads = some(60)
    made(tmp_path, heads)
    harm(tmp_path)
    places = Places(tmp_path, bits=BITS)
    with pytest.raises(Unusable, match=str(tmp_path)):
        places.open()
    places.clear()
    assert list(tmp_path.iterdir()) == []
    assert places.position is None
    assert made(tmp_path, heads).find(["key 1"], []) == expected(heads, {"key 1"}, set())


class Killed(Exception):
    """The process died here."""


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_between_two_writes_costs_only_that_records_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int, *, after: bool
) -> None:
    heads = some(70)
    made(tmp_path, heads[:25])
    left, put = writes, stream.places.replace

    def dying(path: Path, data: bytes) -> None:
        nonlocal left
        if left == 0 and not after:
            raise Killed
        put(path, data)
        if left == 0:
            raise Killed
        left -= 1

    with monkeypatch.context() as context:
        context.setattr("stream.places.replace", dying)
        try:
            places = opened(tmp_path)
            places.add(heads[25:])
            places.save(70, None)
            places.drop(37)
        except Killed:
            pass
    places = opened(tmp_path)
    assert places.position is not None
    places.add(heads[places.position :])
    places.save(70, None)
    places.drop(37)
    assert places.find(["key 1"], ["author 1"]) == expected(heads[37:], {"key 1"}, {"author 1"})
    assert not list(tmp_path.glob(".*"))
