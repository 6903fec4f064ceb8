"""What a reader is told in the reader's own language: why there is no answer, and what to do."""

from typing import TYPE_CHECKING

from stream.errors import PeilError

if TYPE_CHECKING:
    from dashboard.languages import Language


class Explained(PeilError):
    """An error whose `message` is translated where it is shown; it names its `parts` as
    `%(name)s`.
    """

    def __init__(self, message: str, **parts: object) -> None:
        super().__init__(message % parts)
        self.message = message
        self.parts = parts

    def told(self, language: "Language") -> str:
        """The message in `language`."""
        return language.gettext(self.message) % self.parts


class NotThere(Explained):
    """Nothing is at that address; the message says what there is."""


class Refused(Explained):
    """What was asked cannot be answered; the message says what to change."""
