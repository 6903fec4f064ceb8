"""What a reader sees of what a platform wrote: plain text out of HTML."""

from selectolax.lexbor import LexborHTMLParser

BLOCKS = "p, div, br, li, h1, h2, h3, h4, h5, h6, tr, blockquote, pre"
UNREAD = "script, style, template, noscript, iframe"


def as_text(html: str) -> str:
    """What a reader sees of a piece of HTML; a plain text comes back as it is."""
    if "<" not in html and "&" not in html:
        return html.strip()
    tree = LexborHTMLParser(html)
    for node in tree.css(UNREAD):
        node.decompose()
    for node in tree.css(BLOCKS):
        node.insert_after("\n")
    body = tree.body
    text = body.text() if body is not None else ""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
