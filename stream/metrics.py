"""Every metric of peil, declared once, and how it is counted."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    write_to_textfile,
)

logger = logging.getLogger(__name__)


class Metric(NamedTuple):
    """A metric's kind, what it counts (unit included) and the labels that split it."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = {
    "peil_ingest_read_total": Metric("counter", "Native items read.", ("source",)),
    "peil_ingest_appended_total": Metric("counter", "Events appended to the log.", ("source",)),
    "peil_ingest_dropped_total": Metric(
        "counter", "Items that the gate dropped.", ("source", "reason")
    ),
    "peil_ingest_rejected_total": Metric(
        "counter", "Items that could not be mapped; their skeletons are quarantined.", ("source",)
    ),
    "peil_ingest_skipped_total": Metric(
        "counter", "Items that carry no post by design.", ("source", "reason")
    ),
    "peil_ingest_missed_slots_total": Metric(
        "counter", "Times that a source was to run and did not.", ("source", "why")
    ),
    "peil_ingest_failures": Metric(
        "gauge", "Failures in a row, of the source or of its worst part.", ("source",)
    ),
    "peil_ingest_paused": Metric("gauge", "Whether somebody holds the source up.", ("source",)),
    "peil_ingest_running": Metric("gauge", "Whether a run is going on.", ("source",)),
    "peil_ingest_lag_seconds": Metric(
        "gauge", "How far behind its source's own time a source is read.", ("source",)
    ),
    "peil_ingest_budget_requests": Metric(
        "gauge", "Requests that a source's server still allows.", ("source",)
    ),
    "peil_ingest_rechecked_total": Metric(
        "counter", "Posts that a platform was asked about again.", ("source", "standing")
    ),
    "peil_ingest_gaps_total": Metric("counter", "Periods that a source missed.", ("source",)),
    "peil_gate_scrubbed_total": Metric(
        "counter", "Personal data replaced in texts before the log.", ("kind",)
    ),
    "peil_worker_consumed_total": Metric("counter", "Records taken from the log.", ("worker",)),
    "peil_worker_emitted_total": Metric("counter", "Records appended by a worker.", ("worker",)),
    "peil_worker_rejected_total": Metric("counter", "Records put in quarantine.", ("worker",)),
    "peil_worker_retries_total": Metric("counter", "Batches tried again.", ("worker",)),
    "peil_worker_lost_total": Metric(
        "counter", "Times that retention passed before a worker had read.", ("worker",)
    ),
    "peil_worker_lag_records": Metric("gauge", "Records not yet committed.", ("worker",)),
    "peil_worker_batch_seconds": Metric(
        "histogram", "Seconds from the poll of a batch to its commit.", ("worker",)
    ),
    "peil_enrich_labels_total": Metric(
        "counter", "Labels given or abstained from, by field and outcome.", ("field", "outcome")
    ),
    "peil_enrich_matched_total": Metric("counter", "Posts that at least one rule matched."),
    "peil_enrich_late_total": Metric(
        "counter", "Posts that came late, matched no rule and passed without their words."
    ),
    "peil_index_posts_total": Metric(
        "counter", "What became of a version of a post in the store.", ("outcome",)
    ),
    "peil_housekeeping_total": Metric("counter", "Rounds of housekeeping that were finished."),
    "peil_expired_total": Metric("counter", "What retention dropped.", ("what",)),
    "peil_erased_total": Metric("counter", "What erasure removed.", ("what",)),
    "peil_answers_total": Metric("counter", "Questions answered.", ("question",)),
    "peil_answers_hidden_cells_total": Metric("counter", "Cells that suppression hid."),
}


class Metrics(Protocol):
    """Where a part counts what it does. Safe to share between threads; never blocks.

    An undeclared name or label is a KeyError or ValueError: a fault of the program.
    """

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add an observation to a histogram."""
        ...


class PrometheusMetrics:
    """The metrics of one process, in Prometheus' own library."""

    CONTENT_TYPE = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._unwritten: set[Path] = set()
        kinds: Mapping[str, type[Counter | Gauge | Histogram]] = {
            "counter": Counter,
            "gauge": Gauge,
            "histogram": Histogram,
        }
        self._metrics: Mapping[str, Counter | Gauge | Histogram] = {
            name: kinds[metric.kind](name, metric.help, metric.labels, registry=self.registry)
            for name, metric in METRICS.items()
        }

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        metric = self._child(name, labels)
        if not isinstance(metric, Counter):
            raise TypeError(f"{name} is not a counter")
        metric.inc(amount)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        metric = self._child(name, labels)
        if not isinstance(metric, Gauge):
            raise TypeError(f"{name} is not a gauge")
        metric.set(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        metric = self._child(name, labels)
        if not isinstance(metric, Histogram):
            raise TypeError(f"{name} is not a histogram")
        metric.observe(value)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def write(self, path: Path) -> None:
        """Write all of it to `path` in the text format that Prometheus' node exporter collects;
        a reader sees the old file or the new one. Where that fails, as on a full disk, it is told
        once, until it works again: the work is worth more than its numbers.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_to_textfile(str(path), self.registry)
        except OSError as error:
            if path not in self._unwritten:
                self._unwritten.add(path)
                logger.warning(
                    "%s cannot be written (%s), which costs its numbers alone: make room on that "
                    "disk, or give this user the right to write there",
                    path, error.strerror or error,
                )  # fmt: skip
        else:
            if path in self._unwritten:
                self._unwritten.remove(path)
                logger.info("%s is written again", path)

    def _child(self, name: str, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
        metric = self._metrics[name]
        if not labels:
            return metric
        child: Counter | Gauge | Histogram = metric.labels(**labels)
        return child


class NoMetrics:
    """Counts nothing, for parts that are used alone."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        pass

    def gauge(self, name: str, value: float, **labels: str) -> None:
        pass

    def observe(self, name: str, value: float, **labels: str) -> None:
        pass
