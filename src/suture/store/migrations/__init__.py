"""The schema and its changes: numbered SQL files, applied once each, in order, at start and under a lock.

A new release adds a file and never edits an old one. `meta.schema` holds the number of the last file applied.
"""

import re
from importlib import resources

import msgspec

WORDS = {
    "sqlite": {"@bytes": "blob", "@double": "real", "@text": "text", "@clustered": "without rowid"},
    "postgresql": {"@bytes": "bytea", "@double": "double precision", "@text": 'text collate "C"', "@clustered": ""},
}


class Migration(msgspec.Struct, frozen=True):
    """One numbered file: `number` from its name, `statements` for one engine."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations(dialect: str) -> list[Migration]:
    """All migrations for `dialect` ("sqlite" or "postgresql"), in order."""
    found: list[Migration] = []
    for file in resources.files(__name__).iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), match[2], _statements(text, dialect)))
    return sorted(found, key=lambda migration: migration.number)


def _statements(text: str, dialect: str) -> tuple[str, ...]:
    lines: list[str] = []
    for line in text.splitlines():
        code, _, comment = line.partition("--")
        if comment.strip() in WORDS and comment.strip() != dialect:
            continue
        lines.append(code.rstrip())
    sql = "\n".join(lines)
    for word, replacement in WORDS[dialect].items():
        sql = sql.replace(word, replacement)
    return tuple(statement.strip() for statement in sql.split(";") if statement.strip())
