import statistics
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from privacy.noise import COINS, Noise
from privacy.suppress import K, Size, coarsest_needed, may_show_texts, shown, suppress, text

SIZES = st.builds(
    lambda posts, share: Size(posts, min(K, max(1, posts // share)) if posts else 0),
    st.integers(0, 60),
    st.integers(1, 4),
)


def test_zero_and_small_look_the_same() -> None:
    assert text(shown(Size(0, 0))) == text(shown(Size(9, 9))) == text(shown(Size(500, 9))) == "<10"
    assert text(shown(Size(10, 10))) == "10"


def sums(keys: Iterable[tuple[str, ...]]) -> list[list[tuple[str, ...]]]:
    """The cells of each sum of a table by two dimensions."""
    keys = list(keys)
    rows = [[key for key in keys if key[0] == value] for value in {key[0] for key in keys}]
    columns = [[key for key in keys if key[1] == value] for value in {key[1] for key in keys}]
    return [keys, *rows, *columns]


TWO = st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"))
CELLS = st.dictionaries(TWO, SIZES, max_size=12)


@given(CELLS)
def test_no_small_cell_is_shown_or_follows_from_the_others(
    cells: dict[tuple[str, ...], Size],
) -> None:
    total = Size(sum(size.posts for size in cells.values()), K)
    result = suppress(cells, total, additive=[True, True])
    for key, value in result.cells.items():
        assert value is None or (value == cells[key].posts and shown(cells[key]) is not None)
    for group in sums(cells):
        hidden = [key for key in group if result.cells[key] is None and cells[key].posts]
        if result.total is not None and hidden and any(result.cells[key] for key in group):
            assert len(hidden) > 1
            assert sum(cells[key].posts for key in hidden) >= K


def test_along_a_dimension_with_several_values_a_post_nothing_adds_up() -> None:
    cells = {("a", "x"): Size(3, 3), ("a", "y"): Size(50, K), ("b", "x"): Size(60, K)}
    total = Size(90, K)
    assert suppress(cells, total, additive=[False, False]).hidden == 1
    by_row = suppress(cells, total, additive=[False, True])
    assert [key for key, value in by_row.cells.items() if value] == [("b", "x")]


@given(CELLS)
def test_a_small_total_hides_the_whole_table(cells: dict[tuple[str, ...], Size]) -> None:
    result = suppress(cells, Size(9, 9), additive=[True, True])
    assert result.total is None
    assert set(result.cells.values()) <= {None}


def test_a_number_with_noise_is_never_below_k() -> None:
    assert shown(Size(10, 10), noise=-1) is None
    assert shown(Size(9, 10), noise=5) is None
    assert shown(Size(11, 10), noise=-1) == 10


def test_the_same_question_about_the_same_posts_has_the_same_noise() -> None:
    noise = Noise(bytes(32))
    assert noise(12, 345, "question") == noise(12, 345, "question")
    drawn = [noise(12, record, "question") for record in range(4_000)]
    assert abs(statistics.mean(drawn)) < 0.2
    assert 3.5 < statistics.variance(drawn) < 4.5
    assert max(map(abs, drawn)) <= COINS


def test_each_part_of_the_noise_goes_by_its_own() -> None:
    """In the mean over many questions what goes by the posts is left, and the other way round."""
    noise = Noise(bytes(32))
    means = [
        statistics.mean(noise(12, record, f"question {n}") for n in range(500))
        for record in range(40)
    ]
    assert 1 < statistics.variance(means) < 3.5
    other = Noise(bytes(range(32)))
    assert [noise(12, n, "") for n in range(40)] != [other(12, n, "") for n in range(40)]


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
