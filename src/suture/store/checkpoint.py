"""Moving SQLite's write-ahead log into the database file, beside the writer instead of inside its commits.

A checkpoint writes scattered pages and waits for the disk. Done by the writer, as SQLite does by default, it took
half of the time of a busy server; a thread with a connection of its own does it while commits go on. Only a log
that outgrows LIMIT_PAGES, because the thread cannot keep up, is emptied by the writer itself.
https://www.sqlite.org/wal.html#ckpt
"""

import contextlib
import logging
import threading

import apsw

START_PAGES = 4_000
"""Pages of 4 KiB in the log from which the thread is woken."""

LIMIT_PAGES = 50_000
"""Pages in the log from which the writer has to empty it."""

BUSY_MS = 5_000

log = logging.getLogger("suture.store")


class Checkpointer:
    """The thread that empties the log of the database file `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._due = threading.Event()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="suture-checkpoint", daemon=True)
        self._thread.start()

    def watch(self, writer: apsw.Connection) -> None:
        """Be told of the log's size after every commit on `writer` (ends its automatic checkpoints)."""
        writer.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages > LIMIT_PAGES:
            with contextlib.suppress(apsw.BusyError):
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        elif pages > START_PAGES:
            self._due.set()
        return apsw.SQLITE_OK

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        while True:
            self._due.wait()
            if not self._open:
                break
            self._due.clear()
            try:
                connection = connection or self._connect()
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except (apsw.BusyError, apsw.LockedError):
                continue  # another process is at it
            except apsw.Error as error:
                log.error("the checkpoint failed: %s", type(error).__name__)
        if connection is not None:
            connection.close()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(self._path)
        connection.set_busy_timeout(BUSY_MS)
        connection.pragma("synchronous", "full")  # pyright: ignore[reportUnknownMemberType] (partly untyped)
        return connection

    def close(self) -> None:
        """Stop the thread."""
        self._open = False
        self._due.set()
        self._thread.join()
