import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.text import as_text
from privacy.characters import repair

PIECES = st.sampled_from(
    ["<p>", "</p>", "<br/>", "<div", ">", "<", "</", "<!--", "-->", "<script>", "</script>",
     "<a href='",
     '"', "'", "=", "/>", "&", "&amp;", "&lt;", "&gt;", "&#", "x41;", "&#0;", "&#xd800;", "&nbsp;",
     '<span class="invisible">', '<p class="quote-inline">', "<svg>", "<td>", "\n", " ", "tekst",
     "<jan@example.org>", "\ud83d", "\x00", "&acE;", "<style", "<o:p>", "<![CDATA[", "]]>"]
)  # fmt: skip
HTML = st.lists(PIECES, max_size=25).map("".join) | st.text(st.characters(), max_size=40)
LINK = (
    '<p>zie <a href="https://e.example/a/b/c"><span class="invisible">https://</span>'
    '<span class="ellipsis">e.example/a</span><span class="invisible">/b/c</span></a></p>'
)


@settings(max_examples=500)
@given(HTML)
def test_what_was_read_once_is_not_read_again(html: str) -> None:
    text = as_text(html)
    assert as_text(text) == text
    whole = repair(text).text
    assert repair(as_text(whole)).text == whole


@settings(max_examples=500)
@given(HTML)
def test_a_text_is_no_longer_than_the_html_it_came_from(html: str) -> None:
    assert len(as_text(html)) <= len(html)


@given(st.text(st.characters(exclude_characters="<&"), max_size=40))
def test_a_plain_text_comes_back_as_it_is(text: str) -> None:
    assert as_text(text) == text.strip()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Een &amp; <b>twee</b></p><script>x('</p>')</script><li>drie</li>", "Een & twee\ndrie"),
        ("<p>Een\n  regel</p>tekst<p>b", "Een regel\ntekst\nb"),
        ("Een\nregel &amp; nog\ntwee", "Een\nregel & nog\ntwee"),
        ("<tr><td>a</td><td>b</td></tr>", "a b"),
        ("a < b & c > d", "a < b & c > d"),
        ("I <3 you <b>x</b> </3", "I <3 you x </3"),
        ("Jan <jan@x.example> en <https://x.example>", "Jan <jan@x.example> en <https://x.example>"),
        ("<mailto:jan@x.example>", "<mailto:jan@x.example>"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("&lt;p&gt;Twee keer &amp;amp; meer&lt;/p&gt;", "Twee keer & meer"),
        ("Caf&amp;eacute;", "Café"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("<iframe src='x'/>erna<svg><text>nooit</text></svg>", "erna"),
        ("voor<!-- <p>nooit</p> -->na<!DOCTYPE html>", "voorna"),
        ("<o:p>Word</o:p> <STYLE>b{}</style >", "Word"),
        (LINK, "zie https://e.example/a/b/c"),
        ('<p class="quote-inline">RE: <a href="x"><span>q</span></a></p><p>Eens</p>', "Eens"),
        ('<span class="quote-inline"><br/>RE: <a><span>q</span></a></span>Eens', "Eens"),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_what_is_kept_of_html(html: str, text: str) -> None:
    assert as_text(html) == text


@pytest.mark.parametrize(
    "unit",
    ["<div>", "<ul><li>", "<a><b>", "<script>", "<!--", '<a b="', "<a ='>", "&amp;", "&#", "<svg>",
     "</p>", "<p>x", "<", "<p ", "<![CDATA[", "<script></script", "<font c=1>", "<o-"],
)  # fmt: skip
def test_hostile_html_takes_time_by_its_length(unit: str) -> None:
    html = unit * (200_000 // len(unit)) + ">"
    started = time.process_time()
    as_text(html)
    assert time.process_time() - started < 5
