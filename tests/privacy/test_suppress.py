import random
import statistics
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from privacy.noise import COINS, Noise
from privacy.suppress import (
    SPECIAL_K,
    K,
    Size,
    coarsest_needed,
    shown,
    suppress,
    text,
)

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


ANY_SIZES = st.integers(0, 60).flatmap(
    lambda posts: st.builds(Size, st.just(posts), st.integers(min(posts, 1), posts))
)


@given(
    st.dictionaries(TWO, st.tuples(ANY_SIZES, st.sampled_from((K, SPECIAL_K))), max_size=12),
    st.randoms(use_true_random=False),
)
def test_no_sum_less_what_is_shown_of_it_tells_of_few_people(
    table: dict[tuple[str, ...], tuple[Size, int]], rng: random.Random
) -> None:
    cells = {key: size for key, (size, _) in table.items()}
    result = suppress(
        cells,
        Size(sum(size.posts for size in cells.values()), K),
        additive=[True, True],
        k_of=lambda key: table[key][1],
        noise=lambda _key, _size: rng.randint(-4, 4),
    )
    for group in sums(cells):
        rest = [cells[key] for key in group if result.cells[key] is None and cells[key].posts]
        if rest and any(result.cells[key] for key in group):
            k = max(table[key][1] for key in group)
            assert len(rest) > 1
            assert sum(size.posts for size in rest) >= k
            assert max(size.authors for size in rest) >= k


def by_day(*days: Size) -> dict[tuple[str, ...], Size]:
    return {(f"day {number}",): size for number, size in enumerate(days)}


def test_what_is_hidden_of_a_sum_reaches_the_threshold_of_its_cells() -> None:
    cells = by_day(Size(6, 6), Size(6, 6), Size(30, 30), Size(40, 40))
    result = suppress(cells, Size(82, 40), additive=[True], k_of=lambda _key: SPECIAL_K)
    assert list(result.cells.values()) == [None, None, None, 40]


def test_what_is_hidden_of_a_sum_is_of_enough_authors() -> None:
    cells = by_day(*[Size(3, 1)] * 4, Size(40, 20), Size(50, 20))
    result = suppress(cells, Size(102, 40), additive=[True])
    assert list(result.cells.values()) == [None, None, None, None, None, 50]


def test_one_hidden_cell_costs_three_others_of_a_table_by_two_dimensions() -> None:
    cells: dict[tuple[str, ...], Size] = {
        (row, column): Size(40, 20) for row in "abcd" for column in "xyz"
    }
    cells |= {("a", "x"): Size(4, 4), ("d", "z"): Size(20, 20)}
    assert suppress(cells, Size(424, 40), additive=[True, True]).hidden == 4


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
    assert shown(Size(10, 10)) is not None
    assert shown(Size(1000, 9)) is None
