"""Why a post matches: its words in their context."""

import msgspec

from stream.post import Post


class InContext(msgspec.Struct, frozen=True):
    """A keyword in context: what stands left of it, the words themselves, what stands right."""

    left: str
    keyword: str
    right: str


def in_context(post: Post, span: tuple[int, int], *, width: int = 40) -> InContext:
    """The token span (first, last + 1) of `post` with at most `width` characters on each side,
    cut at a space where there is one.
    """
    start, end = post.tokens[span[0]].start, post.tokens[span[1] - 1].end
    left, right = post.text[max(0, start - width) : start], post.text[end : end + width]
    if start > width and " " in left:
        left = "…" + left.split(" ", 1)[1]
    if end + width < len(post.text) and " " in right:
        right = right.rsplit(" ", 1)[0] + "…"
    return InContext(_line(left), _line(post.text[start:end]), _line(right))


def _line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
