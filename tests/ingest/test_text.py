import time
from collections.abc import Callable
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.text import as_text, as_text_of_feed
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


READINGS = pytest.mark.parametrize("read", [as_text, as_text_of_feed])


@READINGS
@given(html=HTML)
def test_a_text_is_mended_after_as_before_it_is_read(read: Callable[[str], str], html: str) -> None:
    whole = repair(read(html)).text
    assert repair(whole).text == whole
    assert len(read(html)) <= len(html)


WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)


@given(WORDS)
def test_what_is_escaped_is_text_whatever_it_looks_like(word: str) -> None:
    assert as_text(f"<p>{escape(word)} na</p>") == f"{word} na"


@READINGS
@given(
    words=st.lists(
        st.sampled_from(
            ["<script>", "<video>", "<!--", "<!", "<?", "<svg>", "<style>", "<title>", "<STYLE x>",
             "&lt;script&gt;", "&amp;lt;video&amp;gt;", "&lt;!--", "<p>", "een", "<object>"]
        )
    )
)  # fmt: skip
def test_no_word_takes_the_rest_of_a_text_with_it(
    read: Callable[[str], str], words: list[str]
) -> None:
    assert read(" ".join([*words, "fatbikes op de stoep"])).endswith("fatbikes op de stoep")


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
        ("<p>Wie de &lt;script&gt; leest: rellen</p>", "Wie de <script> leest: rellen"),
        ("<p>zet &lt;video&gt; aan, fatbikes</p>", "zet <video> aan, fatbikes"),
        ("<p>zo: &amp;lt;b&amp;gt;</p>", "zo: &lt;b&gt;"),
        ("<svg>a<svg>b</svg>c", "ac"),
        ("voor<!-- na <b>x</b>", "voor na x"),
        ("<p>a<script>b<p>c", "ab\nc"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("<iframe src='x'/>erna<svg><text>nooit</text></svg>", "erna"),
        ("voor<!-- <p>nooit</p> -->na<!DOCTYPE html>", "voorna"),
        ("<o:p>Word</o:p> <STYLE>b{}</style >", "Word"),
        (LINK, "zie https://e.example/a/b/c"),
        ("voor<script>x</script na", "voorx</script na"),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_what_is_kept_of_html(html: str, text: str) -> None:
    assert as_text(html) == text


LINKS = [
    '<p>vanavond <a href="https://x.nl/quote-inline/7">rellen</a> om acht</p>',
    """<p>vanavond <a title='class="quote-inline"'>rellen</a> om acht</p>""",
    '<p>vanavond <a data-class="quote-inline" class="a quote-inlined">rellen</a> om acht</p>',
    '<p>vanavond <a class=x class="quote-inline">rellen</a> om acht</p>',
]


@READINGS
@pytest.mark.parametrize("html", [*LINKS, '<p>vanavond <b class="quote-inline">rellen</b> om acht'])
def test_no_link_is_taken_for_a_repeated_one(read: Callable[[str], str], html: str) -> None:
    assert read(html) == "vanavond rellen om acht"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p class="quote-inline">RE: <a href="x"><span>q</span></a></p><p>Eens</p>', "Eens"),
        ('<span class="quote-inline"><br/>RE: <a><span>q</span></a></span>Eens', "Eens"),
        ("<p id=a CLASS = 'b quote-inline'>RE: q</p>Eens", "Eens"),
        ("<p class=quote-inline>RE: q</p>Eens", "Eens"),
        *((html, "vanavond rellen om acht") for html in LINKS),
    ],
)
def test_what_mastodon_repeats_of_a_quoted_post_is_left_out(html: str, text: str) -> None:
    assert as_text(html, unread="quote-inline") == text


@READINGS
@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            '<p>kijk <a href="x>hier</a> fatbikes op het plein</p>',
            "kijk hier fatbikes op het plein",
        ),
        ("<p>kijk</p> ik ben <i boos vandaag", "kijk\nik ben <i boos vandaag"),
        ("<p>kijk</p><a href='x y", "kijk\n<a href='x y"),
        ("<b>a</b> <a href=\"x>b</a> <a title='c > d'>e", "a b d'>e"),
    ],
)
def test_a_tag_that_does_not_end_hides_nothing(
    read: Callable[[str], str], html: str, text: str
) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("&lt;p&gt;Twee keer &amp;amp; meer&lt;/p&gt;", "Twee keer & meer"),
        ("&amp;lt;p&amp;gt;Drie keer&amp;lt;/p&amp;gt;", "Drie keer"),
        ("Caf&amp;eacute; en <b>Caf&amp;eacute;</b>", "Café en Café"),
        ("Wie de &lt;script&gt; leest: rellen", "Wie de <script> leest: rellen"),
        ("Wie de <script> leest: rellen", "Wie de leest: rellen"),
        ("<p>Zet &lt;b&gt;vet&lt;/b&gt; aan</p>", "Zet <b>vet</b> aan"),
        ("&lt;p&gt;a&lt;script&gt;b&lt;/script&gt;c&lt;/p&gt;", "ac"),
    ],
)
def test_a_feed_that_escapes_all_of_it_again_is_read_all_the_same(html: str, text: str) -> None:
    assert as_text_of_feed(html) == text


@READINGS
@pytest.mark.parametrize(
    "unit",
    ["<div>", "<ul><li>", "<a><b>", "<script>", "<!--", '<a b="', "<a ='>", "&amp;", "&#", "<svg>",
     "</p>", "<p>x", "<", "<p ", "<![CDATA[", "<script></script", "<font c=1>", "<o-", "</script ",
     "<script></script ", "<!", "<a b='>'", "<a b=\">'", "<p class=quote-inline ",
     "<svg></p>", "<video></video>", "<!-->", "&amp;lt;b&amp;gt;"],
)  # fmt: skip
def test_hostile_html_takes_time_by_its_length(read: Callable[[str], str], unit: str) -> None:
    html = unit * (200_000 // len(unit)) + ">"
    started = time.process_time()
    read(html)
    as_text(html, unread="quote-inline")
    assert time.process_time() - started < 5
