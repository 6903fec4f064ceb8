"""Queries for Elasticsearch, without one: `test_elastic.py` asks them."""

import json
from functools import reduce

import pytest

from index.compiler import Compiler
from index.elastic.query import ElasticEngine
from rules.nears import MAX_NEARS
from rules.parser import parse


@pytest.mark.parametrize("nested", [MAX_NEARS - 1, MAX_NEARS])
def test_nears_within_one_another_do_not_double_a_query_each(nested: int) -> None:
    query = reduce("({}) NEAR/50 w{}".format, range(nested), "w")
    compiled = Compiler(ElasticEngine()).compile(parse(query).tree)
    assert len(json.dumps(compiled.upper)) < 25_000
