"""The packages of a database: which were loaded, and what they define.

The one thing to know: a definition lies twice, without its texts in `package_resource`, from where every process takes
it into memory, and whole in `res`, where it is read and searched. Both are written in one transaction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.fhir.packages.collection import Entry
from suture.store.connection import Connection
from suture.store.transaction import Transaction


class Manifest(msgspec.Struct, frozen=True):
    """What a package says of itself, and what was said when it was loaded. See `suture.fhir.packages.Package`."""

    title: str
    canonical: str = ""
    fhir_versions: tuple[str, ...] = ()
    dependencies: dict[str, str] = {}
    remarks: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """A package that was loaded. `added`: microseconds since 1970 UTC. `count`: its definitions."""

    name: str
    version: str
    added: int
    manifest: Manifest
    count: int = 0

    @property
    def label(self) -> str:
        """Such as `hl7.fhir.us.core@6.1.0`."""
        return f"{self.name}@{self.version}"


class Part(msgspec.Struct, frozen=True):
    """A definition of a package. `id`: of the resource in `res`."""

    id: str
    entry: Entry


async def held(connection: Connection) -> list[Held]:
    """The packages, in the order of names and versions."""
    rows = await connection.fetch(
        "select p.name, p.version, p.added, p.manifest, (select count(*) from package_resource r "
        "where r.name = p.name and r.version = p.version) from package p order by p.name, p.version"
    )
    return [
        Held(name, version, added, msgspec.json.decode(bytes(manifest), type=Manifest), count)
        for name, version, added, manifest, count in rows
    ]


async def mark(connection: Connection) -> tuple[tuple[str, str, int], ...]:
    """Which packages there are, and when each was loaded: different when their content is."""
    rows = await connection.fetch("select name, version, added from package order by name, version")
    return tuple((row[0], row[1], row[2]) for row in rows)


async def entries(connection: Connection) -> Mapping[tuple[str, str], list[Entry]]:
    """The definitions of all packages, by name and version of the package."""
    rows = await connection.fetch(
        "select name, version, rt, url, revision, subject, body from package_resource order by name, version, rt, id"
    )
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for name, version, rt, url, revision, subject, body in rows:
        found[name, version].append(Entry(type_name(rt), url, revision, subject, bytes(body)))
    return found


async def targets(connection: Connection, name: str, version: str) -> list[tuple[str, str]]:
    """The resources of a package in `res`: (type, id)."""
    rows = await connection.fetch(
        "select rt, id from package_resource where name = ?1 and version = ?2 order by rt, id", (name, version)
    )
    return [(type_name(rt), id) for rt, id in rows]


async def record(tx: Transaction, package: Held, parts: Sequence[Part]) -> None:
    """Note a package and what it defines, in place of what it was."""
    await forget(tx, package.name, package.version)
    await tx.execute(
        "insert into package (name, version, added, manifest) values (?1, ?2, ?3, ?4)",
        (package.name, package.version, package.added, msgspec.json.encode(package.manifest)),
    )
    for part in parts:
        entry = part.entry
        await tx.execute(
            "insert into package_resource (name, version, rt, id, url, revision, subject, body) "
            "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                package.name, package.version, type_number(entry.type), part.id, entry.url, entry.version,
                entry.subject, entry.packed,
            ),
        )  # fmt: skip
    tx.begin_generation()


async def forget(tx: Transaction, name: str, version: str) -> None:
    """Drop what is noted of a package."""
    await tx.execute("delete from package_resource where name = ?1 and version = ?2", (name, version))
    await tx.execute("delete from package where name = ?1 and version = ?2", (name, version))
    tx.begin_generation()
