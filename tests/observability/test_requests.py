"""The line that each answered request leaves in the log."""

import asyncio
import io
import json
import os
import re

import pytest

from suture.observability import RequestLog


def written(log: RequestLog, stream: io.StringIO, *requests: tuple[str, str, str, str, int, float]) -> str:
    """What `requests` leave in the stream after one turn of an event loop."""

    async def answer() -> None:
        for request in requests:
            log.answered(*request)
        assert stream.getvalue() == ""
        await asyncio.sleep(0)

    asyncio.run(answer())
    return stream.getvalue()


def test_a_line_is_json_with_the_id_and_what_was_asked() -> None:
    stream = io.StringIO()
    text = written(
        RequestLog("json", "info", stream), stream,
        ("r-1", "GET", "read", "Patient", 200, 0.00125), ("r-2", "BREW", "unknown", "", 405, 0.5),
    )  # fmt: skip
    first, second = (json.loads(line) for line in text.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "info", "logger": "suture.requests", "message": "answered", "request_id": "r-1", "method": "GET",
        "interaction": "read", "resource_type": "Patient", "status": 200, "milliseconds": 1.2,
    }  # fmt: skip
    assert (second["method"], second["resource_type"], second["milliseconds"]) == ("other", "", 500.0)


def test_a_line_for_a_person() -> None:
    stream = io.StringIO()
    text = written(RequestLog("text", "info", stream), stream, ("r-1", "GET", "read", "Patient", 200, 0.00125))
    assert text.endswith(
        " INFO    suture.requests: answered request_id=r-1 method=GET interaction=read resource_type=Patient "
        "status=200 milliseconds=1.2\n"
    )


def test_above_info_requests_leave_no_line() -> None:
    stream = io.StringIO()
    assert written(RequestLog("json", "warning", stream), stream, ("r-1", "GET", "read", "Patient", 200, 0.001)) == ""


@pytest.mark.parametrize("level", ["info", "error"])
def test_a_slow_request_is_a_warning_without_what_it_was_about(level: str, caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    assert written(RequestLog("json", level, stream), stream, ("r-1", "GET", "search-type", "Patient", 200, 7.0)) == ""
    (record,) = caplog.records
    assert record.getMessage() == "slow request"
    assert (vars(record)["request_id"], vars(record)["interaction"]) == ("r-1", "search-type")


def test_a_log_that_nobody_reads_any_more_breaks_nothing() -> None:
    stream = io.StringIO()
    log = RequestLog("json", "info", stream)

    async def answer() -> None:
        log.answered("r-1", "GET", "read", "Patient", 200, 0.001)
        stream.close()
        await asyncio.sleep(0)

    asyncio.run(answer())


def test_a_pipe_that_nobody_reads_stops_nothing_and_the_gap_is_told(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        log = RequestLog("json", "info", stream)

        async def answer(count: int) -> None:
            for _ in range(count):
                log.answered("r-1", "GET", "read", "Patient", 200, 0.001)
                await asyncio.sleep(0)

        asyncio.run(answer(1000))  # far more than a pipe holds
        kept = reader.read(1 << 20).count(b"\n")
        assert 0 < kept < 1000
        assert caplog.records == []
        asyncio.run(answer(1))
        assert json.loads(reader.read(1 << 20))["message"] == "answered"
        (record,) = caplog.records
        assert record.getMessage() == "requests were not logged"
        assert vars(record)["count"] == 1000 - kept
