"""What is wrong with a source's file: where, what, and what to do."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from stream.toml import Mark, Path

Severity = Literal["error", "warning", "hint"]
"""An error keeps a source from being collected, a warning soon may; a hint is good to know."""

CLOSE = 0.7
"""So alike, from 0 to 1, is what somebody may have meant."""

PLAIN: Mapping[str, str] = {
    "missing": "it is missing",
    "string_type": "write a text, in quotation marks",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "tuple_type": "write a list, in square brackets",
    "list_type": "write a list, in square brackets",
    "dict_type": "write a table",
    "mapping_type": "write a table",
    "model_type": "write a table",
    "date_type": "write a day, such as 2027-03-01",
    "date_parsing": "write a day, such as 2027-03-01",
    "date_from_datetime_parsing": "write a day, such as 2027-03-01",
    "date_from_datetime_inexact": "write a day, such as 2027-03-01, without a time",
    "finite_number": "write a number that is finite",
}
"""How pydantic's kinds of errors are said."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at. Line and column are counted from 1."""

    source: str
    file: str
    line: int
    column: int
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose keys' places are known, so that what is said of one can point at it."""

    source: str
    file: str
    marks: Mapping[Path, Mark]

    def problem(self, message: str, *path: str | int, severity: Severity = "error") -> Problem:
        """What is wrong with the key at `path`; of one that is not written, where it would be."""
        above = (path[:length] for length in range(len(path), 0, -1))
        mark = next((self.marks[each] for each in above if each in self.marks), Mark(1, 1))
        return Problem(
            source=self.source,
            file=self.file,
            line=mark.line,
            column=mark.column,
            severity=severity,
            message=message,
        )

    def of(
        self, error: ValidationError, model: type[BaseModel], *, under: Path = ()
    ) -> Iterator[Problem]:
        """Every mistake that `error` names of a `model` that was read from the table `under`. No
        value is repeated: it may be a secret.
        """
        for path, said in mistakes(error, model, under=under):
            yield self.problem(said, *path)


def mistakes(
    error: ValidationError, model: type[BaseModel], *, under: Path = ()
) -> Iterator[tuple[Path, str]]:
    """The same without a file: the path of each mistake, and what is wrong there."""
    found = error.errors(include_url=False, include_context=True, include_input=False)
    for each in found:
        if each["type"] == "too_short" and _has_inner(each, found):
            continue  # only because what stands in it is wrong
        path = (*under, *each["loc"])
        name, what = ".".join(map(str, path)), said(each, model, under=under)
        names_itself = not path or what.startswith(f"{path[-1]} = ")
        yield path, what if names_itself else f"{name}: {what}"


def _has_inner(mistake: Any, found: Sequence[Any]) -> bool:
    place = mistake["loc"]
    return any(len(each["loc"]) > len(place) and each["loc"][: len(place)] == place
               for each in found)  # fmt: skip


def said(mistake: Any, model: type[BaseModel], *, under: Path = ()) -> str:
    """What one of pydantic's errors says of a `model` that was read from the table `under`."""
    kind, path = mistake["type"], mistake["loc"]
    context = mistake.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return _unknown(path, model, under)
    if kind == "too_long":
        return f"there are {context['actual_length']}; write at most {context['max_length']}"
    if kind == "too_short":
        return f"write at least {context['min_length']}"
    if kind == "string_pattern_mismatch" and (description := _description(model, path)):
        return f"it is not written as it must be: {description}"
    message = mistake["msg"]
    return PLAIN.get(kind, message[:1].lower() + message[1:])


def _unknown(path: Path, model: type[BaseModel], under: Path) -> str:
    key, there = str(path[-1]), _fields(model, path[:-1])
    for name, field in there.items():
        if _is_model(field.annotation) and key in _fields(field.annotation):
            return f"it belongs in the table [{'.'.join(map(str, (*under, *path[:-1], name)))}]"
    if close := difflib.get_close_matches(key, there, n=1, cutoff=CLOSE):
        return f"there is no such key; did you mean {close[0]!r}?"
    return f"there is no such key; there are {', '.join(there)}" if there else "no such key"


def _description(model: type[BaseModel], path: Path) -> str | None:
    """What the field at `path`, or the list that it stands in, is for."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    field = _fields(model, path[:-1]).get(str(path[-1])) if path else None
    return field.description if field else None


def _fields(model: Any, path: Path = ()) -> Mapping[str, FieldInfo]:
    """The keys that the table at `path` may have, as far as the model says so."""
    for key in path:
        if isinstance(key, int):
            continue  # of a list, which is as each of what stands in it
        annotation = getattr(_fields(model).get(key), "annotation", None)
        models = [each for each in (annotation, *get_args(annotation)) if _is_model(each)]
        if not models:
            return {}
        model = models[0]
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
