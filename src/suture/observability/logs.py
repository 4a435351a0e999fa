"""Log lines: one JSON object per line, or readable text on a terminal.

The one thing to know: no line carries patient data. Suture's own code logs fixed sentences with named fields
(`log.warning("slow request", extra={"request_id": id})`), never a URL, a parameter or a body. Exceptions are
logged as their types and the places in the code, without their messages, because a message may quote a value;
and of a line that a library writes only the first line is kept, because asyncio appends representations of objects.
"""

import json
import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any, TextIO, TypeGuard

_Fault = tuple[type[BaseException], BaseException, TracebackType | None]

LIMIT = 2000
"""Characters of one message."""

DEEPEST = 30
"""Places in the code that are logged of one exception, the innermost ones."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_QUIET = ("uvicorn.access", "httpx", "httpcore", "asyncpg", "multipart")
_NAMES = {"CRITICAL": "error", "ERROR": "error", "WARNING": "warning", "INFO": "info", "DEBUG": "debug"}


def configure_logging(format: str, level: str, stream: TextIO | None = None) -> None:
    """Send all loggers of the process to `stream` (standard error).

    `format`: json | text | auto (text on a terminal). `level`: debug | info | warning | error. May be called again.
    """
    out = stream or sys.stderr
    readable = format == "text" or (format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter() if readable else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("suture").setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.getLogger("suture").level))
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`, without line feed."""
        line = {
            "time": _instant(record.created),
            "level": _NAMES.get(record.levelname, "error"),
            "logger": record.name,
            "message": message(record),
            **fields(record),
        }
        if _has_fault(record.exc_info):
            line["exception"] = fault(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=_type_only)


class TextFormatter(logging.Formatter):
    """A line for a person: time, level, logger, message, fields, and the places of an exception below."""

    def format(self, record: logging.LogRecord) -> str:
        """The text for `record`, without the last line feed."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = _NAMES.get(record.levelname, "error").upper()
        head = f"{clock} {level:7} {record.name}: {message(record)}"
        extra = "".join(f" {name}={_shown(value)}" for name, value in fields(record).items() if name != "traceback")
        places = list(fields(record).get("traceback", ()))
        if _has_fault(record.exc_info):
            found = fault(record.exc_info)
            extra += f" exception={' from '.join(found['types'])}"
            places += found["places"]
        return head + extra + "".join(f"\n    at {place}" for place in places)


def message(record: logging.LogRecord) -> str:
    """The message of a record, in one line. Of other libraries' messages only the first line is used."""
    try:
        text = record.getMessage()
    except Exception:
        text = str(record.msg)
    if not _is_own(record.name):
        text = text.partition("\n")[0]
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= LIMIT else text[:LIMIT] + "…"


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that the caller gave with `extra`; none for other libraries' records."""
    if not _is_own(record.name):
        return {}
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def fault(info: _Fault) -> dict[str, list[str]]:
    """An exception without what it says: `types`, the outermost first and its causes after it, and `places`."""
    types: list[str] = []
    error: BaseException | None = info[1]
    while error is not None and len(types) < 10:
        kind = type(error)
        types.append(kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = traceback.extract_tb(info[2])[-DEEPEST:]
    return {"types": types, "places": [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames]}


def _has_fault(info: Any) -> TypeGuard[_Fault]:
    return bool(info) and info[1] is not None


def _is_own(name: str) -> bool:
    return name == "suture" or name.startswith("suture.")


def _short(path: str) -> str:
    """The end of a source path: enough to find the file, nothing about the machine."""
    return "/".join(path.split("/")[-3:])


def _instant(seconds: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1000) % 1000:03}Z"


def _shown(value: Any) -> str:
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if text and " " not in text else f'"{text}"'


def _type_only(value: Any) -> str:
    return f"<{type(value).__name__}>"
