import os
from pathlib import Path

import numpy as np
import pytest

from enrich import e5
from enrich.encoder import Encoder, installed_version
from enrich.heads import FOLDER, Head, as_read
from enrich.language import Language
from enrich.meaning import Meaning
from enrich.steps import Tokens
from stream.errors import Stop
from stream.post import Label
from stream.testing import make_post

MODELS = Path(os.environ["PEIL_ENRICH__MODELS"])
SAME = {
    "nl": "Het regende de hele middag en de trein had weer vertraging",
    "en": "It rained all afternoon and the train was late again",
    "tr": "Bütün öğleden sonra yağmur yağdı ve tren yine gecikti",
    "ar": "أمطرت طوال فترة ما بعد الظهر وتأخر القطار مرة أخرى",
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(MODELS)


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    return Meaning(MODELS, threads=1)


def labels(meaning: Meaning, text: str) -> tuple[Label, Label]:
    (post,) = meaning(Tokens()(Language()([make_post(1, text=text)])))
    assert post.topic is not None
    assert post.sentiment is not None
    return post.topic, post.sentiment


def test_a_sentence_is_nearest_to_its_translations(encoder: Encoder) -> None:
    other = "De bakker op de hoek verkoopt het lekkerste brood van de stad"
    vectors = encoder.encode([*SAME.values(), other])
    near = vectors @ vectors.T
    assert near[:4, :4].min() > near[:4, 4].max() + 0.02


def test_vectors_have_length_one_and_do_not_depend_on_neighbours(encoder: Encoder) -> None:
    texts = [*SAME.values(), "", "x " * 2_000, "\ud800", "🙂"]
    vectors = encoder.encode(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.abs(encoder.encode([text])[0] - vector).max() < 1e-5


def test_four_bits_lose_next_to_nothing(encoder: Encoder, tmp_path: Path) -> None:
    whole = Encoder.open(tmp_path, variant="fp32")
    texts = list(SAME.values())
    assert (whole.encode(texts) * encoder.encode(texts)).sum(axis=1).min() > 0.999
    assert whole.version != encoder.version


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("Wat een geweldige dag, ik ben zo blij met jullie hulp, dank je wel!", "positive"),
        ("Verschrikkelijk, dit is de slechtste dienstverlening ooit, ik ben woedend", "negative"),
        ("I love this city, what a wonderful evening with friends", "positive"),
        ("bu korkunç bir gün, her şey berbat, çok kızgınım", "negative"),
    ],
)
def test_a_clear_tone_is_told(meaning: Meaning, text: str, tone: str) -> None:
    assert labels(meaning, text)[1].value == tone


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Het elftal won de finale na strafschoppen en werd kampioen van de competitie", "sports"),
        ("De regering verloor de stemming in het parlement over de nieuwe wet", "politics"),
        ("Artsen in het ziekenhuis onderzoeken een nieuw vaccin tegen griep", "health"),
    ],
)
def test_a_clear_topic_is_told(meaning: Meaning, text: str, topic: str) -> None:
    assert labels(meaning, text)[0].value == topic


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ok dan", "too_short"),
        ("‹iemand› ‹link›", "too_short"),
        ("wach nta 3arf chno w9e3 f lmdina lbar7", "language"),
    ],
)
def test_what_cannot_be_judged_is_abstained_from(meaning: Meaning, text: str, why: str) -> None:
    assert [label.abstained for label in labels(meaning, text)] == [why, why]


def test_an_unsure_head_says_so_with_its_confidence(meaning: Meaning) -> None:
    vectors = np.zeros((1, Encoder.dimensions), np.float32)
    head = meaning.sentiment
    head_at_rest = np.exp(head._bias) / np.exp(head._bias).sum()
    (label,) = head.label(vectors, version="1")
    assert label.confidence == pytest.approx(head_at_rest.max(), abs=1e-3)
    assert (label.abstained == "unsure") == (head_at_rest.max() < head.threshold)


def test_what_was_scrubbed_is_read_as_in_the_training_texts() -> None:
    assert as_read("‹iemand› zie ‹link›") == "@user zie http"


def test_the_shipped_heads_have_a_card_and_are_small() -> None:
    for path in FOLDER.glob("*.json"):
        card = Head(path).card
        assert card["trained_on"]
        assert card["macro_f1_language_left_out_mean"] > 0.5
        assert path.stat().st_size < 100_000


def test_a_head_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(
        '{"field": "topic", "encoder": "multilingual-e5-small", "labels": ["a"], "threshold": 0,'
        '"card": {}, "bias": [0], "weights": [[1, 2]]}'
    )
    with pytest.raises(Stop, match="train it again"):
        Head(path)
    path.write_text("{")
    with pytest.raises(Stop, match="install peil again"):
        Head(path)


def test_the_version_is_known_without_opening_the_encoder(encoder: Encoder) -> None:
    assert installed_version() == encoder.version


def test_a_damaged_data_file_is_refused(tmp_path: Path) -> None:
    data = e5.locate().read_bytes()
    short = tmp_path / "short.bin"
    short.write_bytes(data[: len(data) // 2])
    with pytest.raises(Stop, match="install it again"):
        e5.read(short)
    short.write_bytes(b"not it at all")
    with pytest.raises(Stop, match="install it again"):
        e5.read(short)
    with pytest.raises(Stop, match="not what was installed"):
        e5.digest(short, expected=e5.recorded_digest())


def test_a_damaged_cache_says_what_to_remove(tmp_path: Path) -> None:
    Encoder.open(tmp_path)
    (model,) = tmp_path.glob("*.onnx")
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(Stop, match="remove both"):
        Encoder.open(tmp_path)


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(Stop, match="cannot be kept"):
        Encoder.open(blocked)
