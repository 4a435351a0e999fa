"""One log line for each answered request: its id, method, interaction, type, status and time, and nothing it said.

The one thing to know: the line is put together here and not by `logging`, which would cost more than the lines are
worth; lines are gathered and written together once per turn of the event loop. They look like those of
`suture.observability.logs` and go to the same stream. When that is a pipe whose reader does not keep up, lines are left
out and counted, so that a log that nobody reads never stops the server.
"""

import asyncio
import contextlib
import fcntl
import functools
import logging
import os
import stat
import struct
import sys
import termios
import time
from typing import TextIO

SLOW = 5.0
"""Seconds from which a request is logged as slow, even where requests are not logged otherwise."""

MOST_UNREAD = 32 * 1024
"""Bytes that a reader may leave in the pipe (which usually holds twice as many) before lines are left out."""

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

log = logging.getLogger("suture.requests")


class RequestLog:
    """The request lines of one process.

    `format`: json | text | auto (text on a terminal). `level`: the least severity that is logged; requests have
    `info`, slow ones `warning`. `stream`: standard error by default. Used on the event loop only.
    """

    def __init__(self, format: str, level: str, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._active = level in ("debug", "info")
        self._readable = format == "text" or (format == "auto" and self._stream.isatty())
        self._lines: list[str] = []
        self._left_out = 0
        self._pipe = _pipe(self._stream)

    def answered(self, id: str, method: str, interaction: str, type: str, status: int, seconds: float) -> None:
        """Log one answered request.

        `id`, `interaction`, `type`: need no escaping (a request id is checked, the others are the server's own words);
        `type` may be "".
        """
        if method not in _METHODS:
            method = "other"
        if seconds >= SLOW:
            fields = {"request_id": id, "method": method, "interaction": interaction, "resource_type": type,
                      "status": status, "milliseconds": round(seconds * 1000, 1)}  # fmt: skip
            log.warning("slow request", extra=fields)
            return
        if not self._active:
            return
        now = time.time()
        if self._readable:
            on = f" resource_type={type}" if type else ""
            line = (
                f"{_clock(int(now))} INFO    suture.requests: answered request_id={id} method={method} "
                f"interaction={interaction}{on} status={status} milliseconds={seconds * 1000:.1f}\n"
            )
        else:
            line = (
                f'{{"time": "{_second(int(now))}.{int(now * 1000) % 1000:03}Z", "level": "info", '
                f'"logger": "suture.requests", "message": "answered", "request_id": "{id}", "method": "{method}", '
                f'"interaction": "{interaction}", "resource_type": "{type}", "status": {status}, '
                f'"milliseconds": {seconds * 1000:.1f}}}\n'
            )
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write the lines that were gathered."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more
            if self._pipe is not None and _unread(self._pipe) + sum(map(len, lines)) > MOST_UNREAD:
                self._left_out += len(lines)
                return
            if self._left_out:
                log.warning("requests were not logged", extra={"count": self._left_out})
                self._left_out = 0
            self._stream.write("".join(lines))
            self._stream.flush()


def _pipe(stream: TextIO) -> int | None:
    """The file descriptor of a stream that is a pipe."""
    try:
        number = stream.fileno()
        return number if stat.S_ISFIFO(os.fstat(number).st_mode) else None
    except (OSError, ValueError):
        return None


def _unread(pipe: int) -> int:
    """Bytes in a pipe that its reader has not taken yet."""
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return count


@functools.lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@functools.lru_cache(maxsize=4)
def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
