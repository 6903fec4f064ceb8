from hypothesis import given
from hypothesis import strategies as st

from privacy.suppress import K, Size, coarsest_needed, may_show_texts, shown, suppress, text

SIZES = st.builds(
    lambda posts, share: Size(posts, min(K, max(1, posts // share)) if posts else 0),
    st.integers(0, 60),
    st.integers(1, 4),
)


def test_zero_and_small_look_the_same() -> None:
    assert text(shown(Size(0, 0))) == text(shown(Size(9, 9))) == text(shown(Size(500, 9))) == "<10"
    assert text(shown(Size(10, 10))) == "10"


@given(st.dictionaries(st.text(max_size=2).map(lambda key: (key,)), SIZES, max_size=8))
def test_no_small_cell_is_shown_or_follows_from_the_others(
    cells: dict[tuple[str, ...], Size],
) -> None:
    total = Size(sum(size.posts for size in cells.values()), K)
    result = suppress(cells, total, additive=True)
    for key, value in result.cells.items():
        assert value is None or (value == cells[key].posts and shown(cells[key]) is not None)
    hidden = [key for key, value in result.cells.items() if value is None]
    visible = sum(value for value in result.cells.values() if value is not None)
    if result.total is not None and hidden and len(hidden) < len(cells):
        rest = result.total - visible
        assert len(hidden) > 1
        assert rest >= K


@given(st.dictionaries(st.text(max_size=2).map(lambda key: (key,)), SIZES, max_size=8))
def test_a_small_total_hides_the_whole_table(cells: dict[tuple[str, ...], Size]) -> None:
    result = suppress(cells, Size(9, 9), additive=True)
    assert result.total is None
    assert set(result.cells.values()) <= {None}


def test_bins_are_coarsened_before_anything_is_hidden() -> None:
    tables = {
        "day": [Size(4, 4)] * 7 + [Size(12, 10)],
        "week": [Size(28, 10), Size(12, 10)],
        "month": [Size(40, 10)],
    }
    assert coarsest_needed(("day", "week", "month"), lambda n: tables[n], lambda t: t)[0] == "week"


def test_texts_need_k_authors() -> None:
    assert may_show_texts(Size(10, 10))
    assert not may_show_texts(Size(1000, 9))
