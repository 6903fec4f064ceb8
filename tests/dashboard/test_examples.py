"""Every answer of the API has an example in its document, and it is one."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from dashboard.examples import DETAILS, VALUES, example, illustrate
from stream.errors import Stop

JSON = "application/json"
NO_BODY = str(HTTPStatus.NO_CONTENT.value)


@pytest.fixture
def document(whole: Any) -> dict[str, Any]:
    found: dict[str, Any] = whole.app.openapi()
    return found


def _bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where it stands, and what is said there by media type."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                yield f"{method} {path}", operation["requestBody"]["content"]
            for status, answer in operation["responses"].items():
                if status != NO_BODY:
                    yield f"{method} {path} {status}", answer["content"]


def test_everything_that_is_said_has_an_example(document: dict[str, Any]) -> None:
    bodies = list(_bodies(document))
    assert len(bodies) > 200
    assert not [
        place for place, said in bodies if not any("example" in each for each in said.values())
    ]


def test_each_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    tried = 0
    for place, said in _bodies(document):
        if JSON not in said:
            continue
        schema = {**said[JSON]["schema"], "components": document["components"]}
        validator = Draft202012Validator(schema, validate_formats=True)
        problems = [each.message for each in validator.iter_errors(said[JSON]["example"])]
        assert not problems, place
        tried += 1
    assert tried > 200


def test_an_example_has_every_field(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    content = document["paths"]["/api/v1/rules"]["get"]["responses"]["200"]["content"]
    (rule,) = content[JSON]["example"]
    assert set(rule) == set(schemas["Listed"]["properties"])
    assert rule["title"] == VALUES["title"]


def test_a_field_without_a_value_is_named() -> None:
    schemas = {"Post": {"properties": {"colour": {"type": "string"}}}}
    with pytest.raises(Stop, match=r"Post\.colour"):
        example({"$ref": "#/components/schemas/Post"}, schemas)


def test_no_value_stands_there_in_vain(document: dict[str, Any]) -> None:
    fields = {
        f"{name.rpartition('__')[2]}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field in schema.get("properties", {})
    }
    known = fields | {field.partition(".")[2] for field in fields}
    assert not set(VALUES) - known
    statuses = {place.split()[2] for place, _ in _bodies(document) if place.count(" ") == 2}
    assert set(DETAILS) <= statuses


def test_a_document_is_illustrated_again_to_the_same(document: dict[str, Any]) -> None:
    before = repr(document)
    illustrate(document)
    assert repr(document) == before
