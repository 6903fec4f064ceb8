"""What is wrong with a question, said in the reader's language. The parser and the store say it in
English, with names, numbers and words of the question in it; here stands which sentences those are.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

from dashboard.languages import said
from index.contract import TooBroad
from rules.errors import Note, Problem, QueryError
from rules.lint.findings import Finding
from stream.errors import Stop

PLACE = said("line %(line)s, column %(column)s: %(expected)s.")
FOUND = said("line %(line)s, column %(column)s: %(expected)s instead of %(text)s.")

SENTENCES = (
    said("at most %(most)s characters"),
    said("Move words to a keyword list."),
    said("a query"),
    said("Write a word, for example: fatbike"),
    said("the end of the query or an operator"),
    said("Remove this."),
    said("something that must be there"),
    said("A query of only NOT would match nearly everything; add what you look for."),
    said("%(text)s is read as %(name)s; put the word in quotes if meant"),
    said("brackets around one of the two NEARs"),
    said("For example: %(example)s"),
    said("%(text)s is read as the phrase %(phrase)s"),
    said("%(text)s is read as %(name)s"),
    said("words, phrases, prefixes, lists, or an OR of those beside NEAR"),
    said("Move AND, NOT, OF and fields outside of NEAR."),
    said("a distance from 0 to %(most)s tokens, or S for one sentence"),
    said("at most %(most)s NEARs within one another"),
    said("Use AND for the outer ones."),
    said("at most %(most)s levels"),
    said("Take the query apart in two rules."),
    said("at most %(most)s mistakes"),
    said("Mend those first; there are more."),
    said("UTF-8 text"),
    said("Type this again, or remove it."),
    said("Close the quote on the same line."),
    said("a word or an operator"),
    said("a word, a phrase or a bracket"),
    said("Something is missing here."),
    said("a closing bracket for this one"),
    said("Add ) at its end."),
    said("Add ) after the last member."),
    said("different members"),
    said("Remove the one that comes twice."),
    said("a number from 1 to %(most)s"),
    said("There are not so many members."),
    said("a word, not an account"),
    said("peil looks at phenomena, never at persons: no query can ask for an account."),
    said("a prefix: at least %(least)s letters of one word and * at its end"),
    said("a number from 0 to %(most)s after ~"),
    said("curly quotes are read as straight ones"),
    said("a hashtag with a letter in it"),
    said("A number is no hashtag."),
    said("something that a text can be searched for"),
    said("Links and marks are no words."),
    said("the name of a keyword list"),
    said("a list that exists"),
    said("`peil rules list` shows which there are."),
    said("a sound list; entry %(entry)s is not"),
    said("a field of the post, not of a person"),
    said("a field that is known when rules are matched"),
    said("%(field)s is decided after matching; use it in a search."),
    said("Did you mean %(field)s?"),
    said("Put it in quotes if you mean the words."),
    said("one of %(names)s"),
    said("a value after %(field)s"),
    said("%(values)s after %(field)s"),
    said("Separate several values by commas."),
    said("one word"),
    said("a day, a month or a year, or two of them in order with .. between"),
    said("date: as a condition of the whole question"),
    said("Put it beside the whole query, or choose the period."),
)
"""Of the parser, and of the store where a query cannot be asked there; the first that fits is
meant.
"""

REFUSALS = (
    said(
        "%(posts)s posts would have to be read for this question and at most %(most)s may be: "
        "narrow the period, or add a word that must occur"
    ),
    said(
        "a question has at most %(most)s words and operators: put the words into a keyword list, "
        "or the question into a rule"
    ),
    said(
        "you read texts %(times)s times in the last 24 hours, and that is what "
        "privacy.text_reads_a_day allows; counts can still be asked for"
    ),
    said(
        "the question is about a rule on a special category of personal data: its posts are "
        "counted and their texts are not shown"
    ),
)
"""Of the store, which answers a question that is right and cannot be answered."""


FINDINGS = (
    said("it can never be true: what it asks for excludes itself"),
    said("%(part)s can never be true here; mend it or take it out"),
    said("%(part)s is covered by %(other)s; take it out"),
    said("%(part)s follows from %(other)s, so it adds nothing"),
    said("wherever %(part)s is, %(other)s is as well: one word counts for two members"),
    said("%(part)s alone is enough, and it has many meanings; put a word beside it"),
    said(
        "%(part)s alone would match a group of people: a group is not a phenomenon; put the "
        "behaviour that you look for beside it"
    ),
    said("%(part)s is an account; take it out"),
    said("%(part)s is a person's handle; take it out"),
    said("%(part)s is a person's email; take it out"),
    said("%(part)s is a person's phone; take it out"),
    said("%(part)s is a person's iban; take it out"),
    said("%(part)s is a person's citizen number; take it out"),
    said("%(part)s is a link to a platform of persons; take it out"),
    said("%(most)s words and more in a row are one person's text; take the words that matter"),
    said("%(part)s may be the name of a person"),
)
"""Of lint, for a query that is searched."""


def finding_in(found: Finding, translate: Callable[[str], str]) -> str:
    """What lint has to say of a query."""
    return _first(FINDINGS, found.message, translate)


def problem_in(found: Problem, translate: Callable[[str], str]) -> str:
    """A mistake with its place and what to do, in one or two sentences."""
    form = translate(FOUND if found.text else PLACE)
    sentence = form % {
        "line": found.line,
        "column": found.column,
        "expected": sentence_in(found.expected, translate),
        "text": found.shown,
    }
    return f"{sentence} {hint_in(found, translate)}".strip()


def hint_in(found: Problem, translate: Callable[[str], str]) -> str:
    """What to do about a mistake."""
    return sentence_in(found.hint, translate)


def note_in(found: Note, translate: Callable[[str], str]) -> str:
    """What was read as meant."""
    return sentence_in(found.message, translate)


def sentence_in(english: str, translate: Callable[[str], str]) -> str:
    """The parser's sentence, translated; itself where it is none of `SENTENCES`."""
    return _first(SENTENCES, english, translate)


def question_in(found: QueryError | TooBroad | Stop, translate: Callable[[str], str]) -> str:
    """Why a question has no answer: its mistakes, or what the store said of it."""
    if isinstance(found, QueryError):
        return "\n".join(problem_in(each, translate) for each in found.problems)
    return refusal_in(str(found), translate)


def refusal_in(english: str, translate: Callable[[str], str]) -> str:
    """What the store said, translated; itself where it is none of `REFUSALS`."""
    return _first(REFUSALS, english, translate)


def _first(sentences: Sequence[str], english: str, translate: Callable[[str], str]) -> str:
    for sentence in sentences:
        if fits := _pattern(sentence).fullmatch(english):
            return translate(sentence) % fits.groupdict()
    return english


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", sentence)
    return re.compile(
        "".join(
            f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        ),
        re.DOTALL,
    )
