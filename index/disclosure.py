"""What of a count may be shown: thresholds, noise and what would give away the hidden."""

from collections.abc import Callable, Mapping

from index.conditions import conditions
from index.contract import Asked, Cell, Dimension, Question, Table
from index.results import Counts
from index.values import MULTIPLE
from privacy.noise import Noise
from privacy.suppress import Size, Thresholds, shown, suppress
from rules.tree import named
from stream.metrics import Metrics

RULES: tuple[Dimension, ...] = ("rule", "rule_version")

Key = tuple[str, ...]


class Disclosure:
    """Shows counts of one folder; `privacy.suppress` says how."""

    def __init__(
        self, *, thresholds: Thresholds, noise: Noise, timezone: str, metrics: Metrics
    ) -> None:
        self.thresholds = thresholds
        self._noise = noise
        self._timezone = timezone
        self._metrics = metrics

    def k(self, question: Question) -> int:
        """The threshold of a question: that of the most sensitive rule that it names."""
        fields = named(question.query) if question.query is not None else ()
        rules = [value for name, value in fields if name == "rule"]
        if question.shadow:
            rules.append(question.shadow.partition("@")[0])
        return max(map(self.thresholds.of_rule, rules), default=self.thresholds.k)

    def k_of_rule(self, key: Key) -> int:
        """The threshold of a cell whose last value is a rule or a rule's version."""
        return self.thresholds.of_rule(key[-1].partition("@")[0])

    def count(self, store: Asked, question: Question, *, k: int) -> int | None:
        """What may be shown of how many posts of `store` answer a whole question."""
        return self.posts(question, store.count(question), k=k)

    def posts(self, question: Question, cell: Cell, *, k: int) -> int | None:
        """What may be shown of the count of a whole question."""
        size = size_of(cell)
        return shown(size, k=k, noise=self._noise_of(question, ())((), size))

    def counts(
        self,
        question: Question,
        table: Table,
        cells: Mapping[Key, Cell],
        *,
        k: int,
        keep_hidden: bool,
    ) -> Counts:
        """What may be shown of `cells`, which are those of `table` and may be more; hidden ones
        are None, or left out where nobody may see which there are.
        """
        result = suppress(
            {key: size_of(cell) for key, cell in sorted(cells.items())},
            size_of(table.total),
            additive=[each not in MULTIPLE for each in table.dimensions],
            k=k,
            k_of=self.k_of_rule if table.dimensions[-1] in RULES else None,
            noise=self._noise_of(question, table.dimensions),
        )
        self._metrics.count("peil_answers_hidden_cells_total", result.hidden)
        kept = {
            key: posts for key, posts in result.cells.items() if keep_hidden or posts is not None
        }
        return Counts(dimensions=table.dimensions, cells=kept, total=result.total, k=k)

    def _noise_of(
        self, question: Question, dimensions: tuple[Dimension, ...]
    ) -> Callable[[Key, Size], int]:
        """The noise of the cells of a table."""

        def noise(key: Key, size: Size) -> int:
            asked = conditions(question, dimensions, key, timezone=self._timezone)
            return self._noise(size.posts, size.record, asked)

        return noise


def size_of(cell: Cell) -> Size:
    """A cell as suppression looks at it."""
    return Size(cell.posts, cell.authors, cell.record)


def visible(table: Table, *, k: int) -> list[str]:
    """The values of the first dimension whose cells may be shown."""
    return [key[0] for key, cell in table.cells.items() if shown(size_of(cell), k=k) is not None]
