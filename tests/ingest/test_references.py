"""A reference to no character costs no feed."""

import time
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.documents import MAX_MARKS, read
from ingest.feeds.references import mended

EMOJI = "\N{GRINNING FACE}"
RSS = """<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"><channel><title>t</title>
<item><guid>1</guid><title>vuurwerk {said} op het plein</title></item>
<item><guid>2</guid><title>twee</title></item></channel></rss>"""
REFERENCES = [
    ("&#55357;&#56832;", EMOJI),
    ("&#xD83D;&#xde00;", EMOJI),
    ("&#XD83D;&#56832;", EMOJI),
    ("&#55357&#56832;", EMOJI),
    ("&#55357;&#55357;&#56832;&#56832;", f"\ufffd{EMOJI}\ufffd"),
    ("&#55357; &#56832;", "\ufffd \ufffd"),
    ("&#xD800;", "\ufffd"),
    ("&#x110000;", "\ufffd"),
    ("&#99999999;", "\ufffd"),
    ("&#9999999999999999999;", "\ufffd"),
    ("&#0;", "\ufffd"),
    ("&#x" + "9" * 5_000 + ";", "\ufffd"),
    ("&#" + "0" * 5_000 + "65;", "A"),
    ("&#x1F600;&#8364;", f"{EMOJI}€"),
    ("<![CDATA[&#55357;&#56832;]]>", EMOJI),
    ("&#55357A &#xZ; &#;", "&#55357A &#xZ; &#;"),
]


def titles(body: bytes, encoding: str = "utf-8") -> list[str]:
    document = read(body, content_type=f"text/xml; charset={encoding}", url="https://x.example/f")
    assert document is not None
    assert not document.rejected
    return [each.title for each in document.entries]


@pytest.mark.parametrize(("said", "meant"), REFERENCES, ids=range(len(REFERENCES)))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "iso-8859-1"])
def test_a_reference_to_no_character_costs_no_feed(said: str, meant: str, encoding: str) -> None:
    body = RSS.format(encoding=encoding, said=said).encode(encoding)
    assert titles(body, encoding) == [f"vuurwerk {meant} op het plein", "twee"]


@pytest.mark.parametrize("said", ["&#55357;&#56832;", "&#x110000;", "&#xD800;"])
def test_nor_does_one_in_an_attribute_or_another_element(said: str) -> None:
    atom = f"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">
        <title>{said}</title><link href="https://x.example/{said}"/><author><name>{said}</name></author>
        <at:deleted-entry ref="{said}"/><entry><id>{said}</id><title>een</title>
        <link href="https://x.example/?utm_a=1&amp;q={said}"/><updated>{said}</updated></entry></feed>"""
    assert titles(atom.encode()) == ["een"]


@given(st.text(), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]))
def test_references_to_characters_stay_what_they_are(text: str, encoding: str) -> None:
    for form in ("&#{};", "&#x{:x};", "&#X{:X}"):
        said = "".join(form.format(ord(each)) for each in text if each != "\0")
        body = f"a{said}<b>".encode(encoding)
        again = mended(body)
        assert mended(again) == again
        assert unescape(again.decode(encoding)) == unescape(body.decode(encoding))


def test_many_references_take_seconds() -> None:
    began = time.monotonic()
    for body in (
        b"&#55357;" * MAX_MARKS,
        b"&#" + b"9" * 8_000_000,
        b"&\0" * 4_000_000,
        b"&#x" * 3_000_000,
    ):
        mended(body)
    assert time.monotonic() - began < 20
