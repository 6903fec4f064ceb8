"""The API against its own document, asked what no page would ask."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from dashboard.refusals import API
from dashboard.roles import Role

ENDLESS = "/api/v1/live"
EXAMPLES = 25
ELSEWHERE = [
    ignored_auth,  # test_matrix.py asks as nobody and as each role
    positive_data_acceptance,  # what a query may say is more than a schema can
]


def test_the_api_answers_as_its_document_says_whatever_is_asked(whole: Any) -> None:
    reader = whole.client(Role.ANALYST)
    headers = {
        "host": "127.0.0.1:8300",
        "cookie": f"{whole.entrance.site.cookie}={whole.token(reader)}",
        "x-csrf-token": reader.headers["x-csrf-token"],
    }
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", whole.app, headers=headers)
    asked: dict[str, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        assert operation.path.startswith(API), "a page is in the document of the API"

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(headers=headers)
            asked[case.operation.path] = asked.get(case.operation.path, 0) + 1
            case.validate_response(answer, excluded_checks=ELSEWHERE)

        ask()
    assert len(asked) >= 10
