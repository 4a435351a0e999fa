"""A fresh, empty database of either engine."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import citus, cluster

ENGINES = ("sqlite", "postgresql")


@contextlib.contextmanager
def fresh(engine: str, folder: Path) -> Iterator[str]:
    """The URL of a new database; a SQLite file lies in `folder`. Raises cluster.Missing."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'suture.db'}"
        return
    with citus.database() if citus.wanted() else cluster.database() as url:
        yield url


@contextlib.contextmanager
def for_test(engine: str, folder: Path) -> Iterator[str]:
    """`fresh` for a test, which is skipped where PostgreSQL is missing; in CI it fails."""
    try:
        if engine == "postgresql" and citus.VARIABLE not in os.environ:
            cluster.programs()
    except cluster.Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with fresh(engine, folder) as url:
        yield url
