"""What a text that somebody wrote is labelled with, to see what a rule would make of it."""

from pathlib import Path

from enrich.language import Language
from enrich.places import Places
from enrich.words import Words
from stream.post import Post


class Examples:
    """`rules.documents.Enrich`: the language where none is given, lemmas, parts, places."""

    def __init__(self, places: Path) -> None:
        self._language = Language()
        self._words = Words()
        self._places = Places(places)

    def __call__(self, post: Post) -> Post:
        told = [post] if post.lang else self._language([post])
        (labelled,) = self._places(self._words(told))
        return labelled
