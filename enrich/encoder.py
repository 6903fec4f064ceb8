"""Texts to vectors: one pass of the transformer, on which every head builds."""

import fcntl
import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from enrich import e5
from enrich.e5_graph import graph
from stream.errors import Stop

Variant = Literal["q4", "fp32"]

PREFIX = "query: "
"""E5 was trained with it on every text that is not a document to be found (Wang et al. 2024)."""

DEFAULT_MAX_TOKENS = 128
"""Some 80 to 90 Dutch words; a post is 30 tokens on average. What comes after is not read."""

BATCH = 32
"""Texts a pass; beyond it nothing is won."""

_BATCH_TOKENS = BATCH * DEFAULT_MAX_TOKENS
_CHARACTERS_PER_TOKEN = 32
_RECIPE = 1
"""Grows whenever the same weights and text could give another vector."""


class Encoder:
    """multilingual-e5-small on ONNX Runtime, on the processor, offline. Not shared between
    processes; safe between threads.

    `name` and `version` say which vectors these are: only vectors of one version compare, and
    a head fits one version. `max_tokens` is not part of it: a caller that lets it be set adds it
    to its own version.
    """

    name = "multilingual-e5-small"
    dimensions = e5.DIMENSIONS

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        *,
        version: str,
        max_tokens: int = DEFAULT_MAX_TOKENS,
    ) -> None:
        if not 8 <= max_tokens <= e5.MAX_TOKENS:  # noqa: PLR2004  (the prefix and a few words)
            raise ValueError(f"max_tokens is 8 to {e5.MAX_TOKENS}, not {max_tokens}")
        self.version = version
        self.max_tokens = max_tokens
        self._session = session
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(max_tokens)

    @classmethod
    def open(
        cls,
        cache: Path,
        *,
        threads: int = 1,
        variant: Variant = "q4",
        max_tokens: int = DEFAULT_MAX_TOKENS,
    ) -> Self:
        """The encoder, from `cache` when it was built there before.

        The first call builds two files of 68 MB (`q4`) or 140 MB (`fp32`) and 9 MB; it takes
        some seconds and half a gigabyte of memory. Processes that come together wait for the one
        that builds. Stop when the package with the weights is missing or damaged, or when the
        folder cannot be written.
        """
        version = installed_version(variant)
        model = cache / f"{cls.name}-{version}.onnx"
        words = cache / f"{cls.name}-{version}.tokenizer.json"
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with _alone(cache / f"{cls.name}.lock"):
                if not (model.exists() and words.exists()):
                    _build(e5.locate(), model, words, variant)
        except OSError as error:
            raise Stop(
                f"the encoder cannot be kept in {cache}: {error}; free 200 MB there and let "
                "this user write, or name another folder"
            ) from error
        try:
            session = onnxruntime.InferenceSession(
                model, _options(threads), providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(words))
        except Exception as error:  # both libraries raise their own kinds, down to Exception
            raise Stop(
                f"{model} or {words.name} beside it cannot be opened: {error}; remove both, they "
                "are built again"
            ) from error
        return cls(session, tokenizer, version=version, max_tokens=max_tokens)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector of length 1 a text, in the same order: float32 [n, 384].

        A text's vector is the same whatever the order and the neighbours, but for rounding in the
        seventh digit. An empty text gets a vector too, which means nothing.
        """
        longest = self.max_tokens * _CHARACTERS_PER_TOKEN
        read = [self._tokenizer.encode(PREFIX + _sound(text[:longest])) for text in texts]
        vectors = np.empty((len(read), self.dimensions), np.float32)
        for rows in _batches([len(one.ids) for one in read]):
            vectors[rows] = self._run([read[row] for row in rows])
        return vectors

    def _run(self, batch: Sequence[Encoding]) -> NDArray[np.float32]:
        longest = max(len(one.ids) for one in batch)
        ids = np.full((len(batch), longest), e5.PAD, np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(batch):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        (vectors,) = self._session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, np.float32)


@cache
def installed_version(variant: Variant = "q4") -> str:
    """The version of the encoder that `Encoder.open` gives, without opening it. Takes 0.1 s;
    Stop when the package with the weights is missing or damaged.
    """
    return version_of(e5.digest(e5.locate(), expected=e5.recorded_digest()), variant)


def version_of(source_digest: str, variant: Variant) -> str:
    """What stands for the vectors: a hash of the data file, the variant and the recipe."""
    inputs = f"{source_digest} {variant} {_RECIPE}"
    return f"{variant}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers, the shortest texts first: padding costs as much as words."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if len(rows) == BATCH or (len(rows) + 1) * lengths[row] > _BATCH_TOKENS:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _sound(text: str) -> str:
    """Half a character (a lone surrogate) is no text; the tokenizer refuses it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _build(source: Path, model: Path, words: Path, variant: Variant) -> None:
    weights = e5.read(source)
    partial = model.with_suffix(".partial")
    try:
        # Not by its own `save`, whose error for a full disk is a bare Exception.
        partial.write_text(e5.tokenizer(weights).to_str(), "utf-8")
        partial.replace(words)
        partial.write_bytes(graph(weights, four_bits=variant == "q4").SerializeToString())
        partial.replace(model)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """One process at a time. A killed one leaves the lock free and a part that is overwritten."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
