"""What strangers say, made fit for an error: one printable line that ends."""

from ingest.web.answers import SAID


def quoted(said: str) -> str:
    """The beginning of what a server says, to stand in a message: what could command a terminal,
    turn a line around or begin a new one is a space.
    """
    shown = "".join(each if each.isprintable() else " " for each in said[:SAID])
    return " ".join(shown.split())
