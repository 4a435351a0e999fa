"""Logs are one JSON object per line, or text for a person, and never carry patient data."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from suture.observability import configure_logging

SECRET = "Ana Ekman 1980-02-03"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as it was before the test."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in ("suture", "uvicorn.error", "uvicorn.access", "httpx")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    logging.captureWarnings(False)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def stream(restored: None) -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    configure_logging("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_message_and_the_fields(lines: Lines) -> None:
    logging.getLogger("suture.api").info("client disconnected", extra={"request_id": "r1", "count": 2})
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "suture.api",
        "message": "client disconnected",
        "request_id": "r1",
        "count": 2,
    }


def test_the_level_holds_for_suture_and_libraries_are_heard_from_warning_on(lines: Lines) -> None:
    logging.getLogger("suture.api").debug("no")
    logging.getLogger("anything").info("no")
    logging.getLogger("uvicorn.access").info("GET /fhir/r4/Patient?name=Ekman")
    logging.getLogger("anything").warning("yes")
    assert [line["message"] for line in lines()] == ["yes"]


def test_an_exception_is_told_by_type_and_place_without_its_words(lines: Lines, stream: io.StringIO) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise ValueError(f"bad value {SECRET}") from cause
    except ValueError:
        logging.getLogger("suture.store").exception("the writer failed")
    (line,) = lines()
    assert line["exception"]["types"] == ["ValueError", "KeyError"]
    assert "test_logs.py" in line["exception"]["places"][-1]
    assert SECRET not in stream.getvalue()


def test_what_uvicorn_says_of_an_exception_has_no_words_of_it(lines: Lines, stream: io.StringIO) -> None:
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
    assert lines()[0]["exception"]["types"] == ["RuntimeError"]
    assert SECRET not in stream.getvalue()


def test_an_exception_that_nobody_awaited_has_no_words_either(lines: Lines, stream: io.StringIO) -> None:
    async def fail() -> None:
        raise RuntimeError(SECRET)

    async def forget() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        del task

    asyncio.run(forget())
    assert any("never retrieved" in line["message"] for line in lines())
    assert SECRET not in stream.getvalue()


def test_objects_given_as_fields_are_named_by_type_only(lines: Lines, stream: io.StringIO) -> None:
    class Person:
        def __repr__(self) -> str:
            return SECRET

    logging.getLogger("suture.api").info("x", extra={"who": Person()})
    assert lines()[0]["who"] == "<Person>"


def test_control_characters_cannot_forge_a_line(stream: io.StringIO) -> None:
    for format in ("json", "text"):
        configure_logging(format, "info", stream)
        logging.getLogger("suture.api").info("one\r\ntwo\x1b[31m\u2028three", extra={"field": "a\nb\u202ec"})
    written = stream.getvalue()
    assert len(written.splitlines()) == 2
    assert "\x1b" not in written


def test_text_reads_well_and_shows_the_places_of_an_exception(stream: io.StringIO) -> None:
    configure_logging("text", "info", stream)
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("suture.store").exception("the writer failed", extra={"batch": 3, "why": "two words"})
    first, *places = stream.getvalue().splitlines()
    assert first.endswith('ERROR   suture.store: the writer failed batch=3 why="two words" exception=ValueError')
    assert places[0].strip().startswith("at ")
    assert SECRET not in stream.getvalue()


def test_auto_means_json_where_there_is_no_terminal(stream: io.StringIO) -> None:
    configure_logging("auto", "info", stream)
    logging.getLogger("suture").info("x")
    assert json.loads(stream.getvalue())["message"] == "x"


def test_a_message_whose_arguments_do_not_fit_is_still_logged(lines: Lines) -> None:
    logging.getLogger("suture.api").warning("%d entries", "many")
    assert lines()[0]["message"] == "%d entries"


def test_a_long_message_is_cut(lines: Lines) -> None:
    logging.getLogger("suture.api").warning("x" * 10_000)
    assert len(lines()[0]["message"]) < 2100
