"""Train the heads that ship in `enrich/heads` and write their cards.

    python bench/train_heads.py sentiment sentiment_train.jsonl
    python bench/train_heads.py topic topic_train.jsonl --grouped

A line of the file is `{"lang": …, "text": …, "label": …}`. `--grouped` says that the languages
are translations of one another, row by row: a sentence and its translations then stay in one
fold. Needs scikit-learn, which peil itself does not.

The head is a logistic regression on standardised vectors; the standardisation and the
temperature (Guo et al. 2017) are folded into its matrix. Reported: macro-F1 over five folds and
with each language left out of the training (what to expect of a language that is not in it), the
calibration error over ten bins, and the threshold that keeps four answers in five.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from enrich.encoder import Encoder
from enrich.heads import FOLDER, as_read

Matrix = NDArray[Any]
COVERAGE = 0.8
DIGITS = 5


def fit(vectors: Matrix, labels: Matrix) -> tuple[Matrix, Matrix]:
    scaler = StandardScaler().fit(vectors)
    model = LogisticRegression(C=0.05, max_iter=500).fit(scaler.transform(vectors), labels)
    weights = model.coef_ / scaler.scale_
    return weights, model.intercept_ - weights @ scaler.mean_


def held_out(vectors: Matrix, labels: Matrix, folds: Any) -> Matrix:
    """The logits of every row, from a model that did not see it."""
    logits = np.zeros((len(labels), len(set(labels))))
    for train, test in folds:
        weights, bias = fit(vectors[train], labels[train])
        logits[test] = vectors[test] @ weights.T + bias
    return logits


def softmax(logits: Matrix) -> Matrix:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def calibration_error(probabilities: Matrix, truth: Matrix) -> float:
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * 10).astype(int), 9)
    chosen = [bins == each for each in set(bins.tolist())]
    return float(sum(abs(confidence[c].mean() - right[c].mean()) * c.mean() for c in chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a head.")
    parser.add_argument("field", choices=["sentiment", "topic"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--source", default="", help="Where the texts come from, for the card.")
    parser.add_argument("--grouped", action="store_true")
    parser.add_argument("--without", nargs="*", default=[], help="Languages to leave out.")
    parser.add_argument("--cache", type=Path, default=Path(".cache/models"))
    options = parser.parse_args()

    rows = [json.loads(line) for line in options.file.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["lang"] not in options.without]
    names = sorted({row["label"] for row in rows})
    truth = np.array([names.index(row["label"]) for row in rows])
    languages = np.array([row["lang"] for row in rows])
    encoder = Encoder.open(options.cache, threads=2)
    vectors = encoder.encode([as_read(row["text"]) for row in rows]).astype(np.float64)

    position: dict[str, int] = {}
    groups = []
    for language in languages:
        position[language] = position.get(language, -1) + 1
        groups.append(position[language])
    if options.grouped:
        folds = list(GroupKFold(5).split(vectors, truth, groups))
    else:
        splitter = StratifiedKFold(5, shuffle=True, random_state=1)
        folds = list(splitter.split(vectors, truth))
    logits = held_out(vectors, truth, folds)
    if not options.grouped:
        folds = [(np.arange(len(truth)), np.arange(len(truth)))]
    left_out = held_out(
        vectors,
        truth,
        [
            (train[languages[train] != each], test[languages[test] == each])
            for each in position
            for train, test in folds
        ],
    )

    def loss(temperature: float) -> float:
        chosen = softmax(logits / temperature)[np.arange(len(truth)), truth]
        return float(-np.log(chosen + 1e-12).mean())

    temperature = float(minimize_scalar(loss, bounds=(0.2, 5), method="bounded").x)
    confidence = softmax(left_out / temperature).max(axis=1)
    threshold = float(np.quantile(confidence, 1 - COVERAGE))
    right = left_out.argmax(axis=1) == truth
    weights, bias = fit(vectors, truth)
    per_language = {
        each: round(
            f1_score(
                truth[languages == each],
                left_out.argmax(axis=1)[languages == each],
                average="macro",
            ),
            3,
        )
        for each in sorted(position)
    }
    card = {
        "trained_on": options.source or options.file.name,
        "texts": len(rows),
        "macro_f1_five_folds": round(f1_score(truth, logits.argmax(axis=1), average="macro"), 3),
        "macro_f1_language_left_out": per_language,
        "macro_f1_language_left_out_mean": round(float(np.mean(list(per_language.values()))), 3),
        "calibration_error_before": round(calibration_error(softmax(logits), truth), 3),
        "calibration_error": round(calibration_error(softmax(logits / temperature), truth), 3),
        "accuracy_language_left_out": round(float(right.mean()), 3),
        "accuracy_above_threshold": round(float(right[confidence >= threshold].mean()), 3),
    }
    head = {
        "field": options.field,
        "encoder": encoder.name,
        "labels": names,
        "threshold": round(threshold, 3),
        "card": card,
        "bias": np.round(bias / temperature, DIGITS).tolist(),
        "weights": np.round(weights / temperature, DIGITS).tolist(),
    }
    path = FOLDER / f"{options.field}.json"
    path.write_text(json.dumps(head, ensure_ascii=False), encoding="utf-8")
    print(json.dumps(card, indent=2, ensure_ascii=False))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
