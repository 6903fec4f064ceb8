from typing import Any

import pytest

from dashboard.roles import MATRIX, Role
from dashboard.testing import (
    assert_matrix,
    assert_nothing_changes_without_token,
    operations,
)


def test_each_role_gets_what_it_may_and_nothing_else(house: Any) -> None:
    assert assert_matrix(house.app, house.client) > 50


def test_the_whole_application_gives_each_role_what_it_may(whole: Any) -> None:
    assert assert_matrix(whole.app, whole.client) > 150


def test_nothing_of_the_whole_application_changes_without_a_page_of_ours(whole: Any) -> None:
    assert assert_nothing_changes_without_token(whole.app, whole.client) >= 10


def test_nothing_changes_without_a_page_of_ours(house: Any) -> None:
    assert assert_nothing_changes_without_token(house.app, house.client) >= 6


def test_a_route_that_does_not_say_what_it_needs_is_found(house: Any) -> None:
    @house.app.get("/forgotten")
    def forgotten() -> None:
        return

    with pytest.raises(AssertionError, match="GET /forgotten"):
        list(operations(house.app))


def test_who_reads_texts_does_not_look_after_readers() -> None:
    assert {role for role in Role if "texts" in MATRIX[role]} == {Role.ANALYST}
    assert not {"log", "accounts"} & MATRIX[Role.ANALYST]


def test_the_document_names_the_right_of_each_operation(house: Any) -> None:
    paths = house.app.openapi()["paths"]
    assert paths["/api/v1/texts"]["get"]["security"] == [{"session.texts": []}]
