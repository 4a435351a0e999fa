"""The one face that both engines show: a connection that runs SQL text with bound parameters.

On SQLite most calls complete without suspending; on PostgreSQL each suspends.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from suture.fhir.outcomes import TimedOut, TooCostly

Row = tuple[Any, ...]


class Connection(Protocol):
    """Runs statements. Placeholders are written `?1`, `?2` … on both engines (translated for PostgreSQL)."""

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows as tuples."""
        ...

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> None:
        """Run one statement that returns nothing."""
        ...


def too_complex() -> TooCostly:
    """The error for a statement that is too large or too deep for the engine."""
    return TooCostly("The search is too complex for this database: ask in several searches, or with fewer links.")


def fenced() -> TooCostly:
    """The error for a statement that came to `Dialect.stop`."""
    return TooCostly(
        "The search would look through too many resources that refer to one and the same. "
        "Add a parameter that finds few resources, or search for the resources that refer to it."
    )


def overdue(seconds: float) -> TimedOut:
    """The error for a statement that was stopped after `seconds`.

    Unlike too costly a request, which is refused whenever it comes, this one may succeed when less is going on.
    """
    return TimedOut(
        f"The database needed more than {seconds:g} s for the request, and stopped. "
        "Narrow it, for instance by patient or date, or try again later.",
        headers={"Retry-After": str(max(1, round(seconds)))},
    )


class Retry(Exception):
    """The database asks that the transaction be tried again (conflict with another process)."""


class Outdated(Retry):
    """Another process has begun a generation (`suture.store.changes`) that this transaction did not know of."""


class WriteConnection(Connection, Protocol):
    """The connection of the writer: transactions, locks and multi-row statements.

    Rows are tuples in the order of the table's columns. All but `begin` need an open transaction.
    Any call may raise Retry. `own_words`: the table for the texts of identifiers and the like.
    """

    own_words: str

    async def begin(self) -> None:
        """Open a transaction; on PostgreSQL when the first statement of it is sent."""
        ...

    async def commit(self) -> None:
        """Make the transaction durable."""
        ...

    async def rollback(self) -> None: ...
    async def savepoint(self) -> None: ...
    async def rollback_to_savepoint(self) -> None: ...

    def together(self) -> AbstractAsyncContextManager[None]:
        """What is written inside the block may reach the database later, at once, from one view of what was there.

        At the latest that is before the next statement.
        That holds for `archive`, `insert`, `insert_new`, `replace`, `delete` and `write_prose`. No two of them may
        write the same row.
        """
        ...

    async def lock(self, numbers: Sequence[int]) -> None:
        """Wait until no other process holds any of these locks; hold them to the end of the transaction."""
        ...

    async def load(self, rhs: Sequence[int]) -> list[Row]:
        """The `res` rows (STORED_COLUMNS, then fv, rh) of these resources, locked against other writers."""
        ...

    async def next_block(self) -> int:
        """A number that no other call on this database gets, higher than every earlier one."""
        ...

    async def archive(self, rhs: Sequence[int]) -> None:
        """Copy the `res` rows of these resources to `hist`."""
        ...

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows. Raises Retry when a key exists already."""
        ...

    async def insert_new(self, table: str, rows: Sequence[Row]) -> None:
        """Insert the rows of a vocabulary table that are not there yet. Rows in order, so that nobody waits in turn."""
        ...

    async def replace(self, rows: Sequence[Row]) -> None:
        """Overwrite the `res` rows that have the same rh."""
        ...

    async def move_history(self, ck: int, k: int, new_ck: int) -> None:
        """Give the `hist` rows of a resource its new compartment key."""
        ...

    async def hold(self, rhs: Sequence[int]) -> None:
        """Keep other writers from these resources to the end of the transaction."""
        ...

    async def revise(self, rh: int, new_ck: int, sdate: int, present: int) -> None:
        """Give the `res` row of a resource that is held other values that follow from its body, without a version.

        Its history follows it to the compartment `new_ck`; its index rows are the caller's to move.
        """
        ...

    async def delete(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        ...

    async def write_prose(self, gone: Sequence[int], added: Sequence[Row]) -> None:
        """Forget the words of the resources `gone` (their `k`), then add rows of (k, ck, narrative, content)."""
        ...

    async def append_events(self, rows: Sequence[Row], *, new_generation: bool = False) -> tuple[int, int]:
        """Number the rows (all `events` columns but seq) and insert them; returns the last number and the generation.

        Holds back every other writer until the commit, so that numbers become visible in their order.
        `new_generation`: begin one; it is the one returned. Other processes are told at the commit.
        """
        ...

    async def commit_events(self, rows: Sequence[Row], generation: int, *, new_generation: bool) -> int:
        """Number the rows and insert them as `append_events` does, and make all durable; the last number.

        `generation`: what it is after the commit. Raises Outdated when it would not be, with nothing made durable.
        """
        ...


async def append_and_commit(
    connection: WriteConnection, rows: Sequence[Row], generation: int, *, new_generation: bool
) -> int:
    """`commit_events` in two steps."""
    last, found = await connection.append_events(rows, new_generation=new_generation)
    if found != generation:
        raise Outdated("generation")
    await connection.commit()
    return last
