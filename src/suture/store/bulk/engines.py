"""From a database URL to the engine that fills it."""

from suture.store.bulk.database import Database, Writer
from suture.store.bulk.postgres import PostgresDatabase, PostgresWriter, connect
from suture.store.bulk.sqlite import MOST_WRITERS, SqliteDatabase, SqliteWriter
from suture.store.opening import sqlite_path


def bulk_database(url: str) -> Database:
    """The database `url` for the process that leads a bulk load. It must have its schema already."""
    return SqliteDatabase(sqlite_path(url)) if url.startswith("sqlite:") else PostgresDatabase(url)


async def bulk_writer(url: str, number: int) -> Writer:
    """A writer for worker `number` (from 0)."""
    if url.startswith("sqlite:"):
        return SqliteWriter(sqlite_path(url), number)
    return PostgresWriter(await connect(url, synchronous_commit="off"))


def most_writers(url: str) -> int:
    """How many workers the engine can take."""
    return MOST_WRITERS if url.startswith("sqlite:") else 64
