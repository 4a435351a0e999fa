"""What a defect shows to the client and to the log."""

import logging

import pytest

from suture.api.failures import failure
from suture.api.http import Limits, Request
from suture.fhir.outcomes import Gone
from suture.fhir.versions import Version
from suture.observability.logs import JsonFormatter
from suture.store.connection import Retry


def request() -> Request:
    return Request("GET", "Patient/1", "", {}, base="http://x", version=Version.R4, id="r-1", limits=Limits(1, 1))


def test_a_defect_tells_the_request_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        try:
            raise ValueError("Ana Ekman, born 1990")
        except ValueError as error:
            answer = failure(error, request())
    assert answer.status == 500
    assert b"r-1" in answer.body
    line = JsonFormatter().format(caplog.records[0])
    assert "r-1" in line
    assert "test_failures.py" in line
    assert "Ekman" not in line + answer.body.decode()


def test_known_errors_keep_their_status() -> None:
    assert failure(Gone("gone"), request()).status == 410
    busy = failure(Retry("locked"), request())
    assert (busy.status, busy.header(b"retry-after")) == (503, "1")
