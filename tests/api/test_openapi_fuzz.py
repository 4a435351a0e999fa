"""Requests made up from the OpenAPI document: whatever they are, no answer is a 5xx."""

import os
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.servers import Server

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
QUICK = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_request_breaks_the_server(server: Server) -> None:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{server.url}/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @QUICK
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            answer = case.call(base_url=server.url)
            assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text[:500]}"

        answered()
