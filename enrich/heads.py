"""What a text is about and in which tone: heads on the one vector that the encoder made of it.

A head is a logistic regression, trained by `bench/train_heads.py` and shipped as a file with its
card: what it was trained on and how well it does on languages that it was not trained on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from enrich.encoder import Encoder
from stream.errors import Stop
from stream.placeholders import LINK, PLACEHOLDERS
from stream.post import Label

FOLDER = Path(__file__).parent / "trained"

CONFIDENCE_DIGITS = 4
"""Beyond them the rounding of sums begins, which may depend on a text's neighbours in a batch."""

_READ_AS = dict.fromkeys(PLACEHOLDERS, "@user") | {LINK: "http"}
"""The public data sets that heads are trained on mask names and links with these words."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: Literal["topic", "sentiment"]
    encoder: str
    labels: tuple[str, ...]
    threshold: float
    card: Mapping[str, Any]
    bias: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]


class Head:
    """One field's labels from vectors. Immutable; safe to share between threads.

    `card` says what it was trained on and the figures that were measured then.
    """

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
            file = msgspec.json.decode(data, type=_File)
        except (OSError, msgspec.DecodeError) as error:
            raise Stop(f"the head {path} cannot be read: {error}; install peil again") from error
        self._weights = np.array(file.weights, np.float32)
        self._bias = np.array(file.bias, np.float32)
        shape = (len(file.labels), Encoder.dimensions)
        if file.encoder != Encoder.name or self._weights.shape != shape:
            raise Stop(f"the head {path} was made for another encoder; train it again")
        self.field: Literal["topic", "sentiment"] = file.field
        self.labels = file.labels
        self.threshold = file.threshold
        self.card = file.card
        self.digest = hashlib.sha256(data).hexdigest()[:8]

    def label(self, vectors: NDArray[np.float32], *, version: str) -> Sequence[Label]:
        """A label for each row of `vectors` (float32 [n, 384]); `unsure` below the threshold."""
        logits = vectors @ self._weights.T + self._bias
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = raised / raised.sum(axis=1, keepdims=True)
        best = chances.argmax(axis=1)
        return [
            self._label(self.labels[column], float(chances[row, column]), version)
            for row, column in enumerate(best.tolist())
        ]

    def abstain(self, why: str, *, version: str) -> Label:
        """A label that says only why there is none."""
        return Label(value=None, confidence=0.0, model=Encoder.name, version=version, abstained=why)

    def _label(self, value: str, confidence: float, version: str) -> Label:
        sure = confidence >= self.threshold
        return Label(
            value=value if sure else None,
            confidence=round(confidence, CONFIDENCE_DIGITS),
            model=Encoder.name,
            version=version,
            abstained=None if sure else "unsure",
        )


def as_read(text: str) -> str:
    """The text as the encoder gets it, in training and at work: what was scrubbed stands there
    in the words that the training data use for it.
    """
    for placeholder, word in _READ_AS.items():
        text = text.replace(placeholder, word)
    return text
