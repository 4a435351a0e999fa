"""A small index and small resources, so that the store is tested without the search room."""

import json
from typing import Any

from suture.fhir.json import split_body
from suture.store.keys import Keys
from suture.store.opening import open_store
from suture.store.rows import IndexRows, Prepared, Word
from suture.store.store import Store

KEYS = Keys(b"only for this module's hashes")


class AllowAll:
    """No restriction."""

    def sql(self, alias: str, bind: Any) -> str:
        return ""

    def allows(self, type: str, body: bytes) -> bool:
        return True


ALLOW_ALL = AllowAll()


def rows(resource: dict[str, Any]) -> IndexRows:
    """One row or more in every index table, from the elements that `observation` fills."""
    patient = resource.get("subject", {}).get("reference")
    tokens = [resource["status"], *([patient] if patient else [])]
    return IndexRows(
        ck=KEYS.hash(patient) if patient else None,
        sdate=resource["value"] * 1000,
        present=1,
        tok=tuple(sorted(KEYS.hash(token) for token in tokens)),
        str=((KEYS.hash("note"), resource["note"].casefold(), resource["note"]),),
        qty=((KEYS.hash("value"), float(resource["value"]), float(resource["value"])),),
        dat=((KEYS.hash("date"), resource["value"], resource["value"] + 1),),
        ref=((KEYS.hash(patient), KEYS.hash("subject")),) if patient else (),
        words=tuple(word(token) for token in tokens),
        prose=("", resource["note"].casefold()),
    )


def word(token: str) -> Word:
    """What the token rows of `rows` mean. Names of patients come once."""
    h = KEYS.hash(token)
    return Word(h, ((KEYS.hash("form " + token), h),), ((KEYS.hash("code"), token.casefold()),), "/" in token)


def index(version: str, body: bytes) -> IndexRows:
    return rows(json.loads(body))


def observation(value: int = 1, *, status: str = "final", patient: str | None = None) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "status": status,
        "value": value,
        "note": f"Note {value}",
    }
    if patient:
        resource["subject"] = {"reference": f"Patient/{patient}"}
    return resource


def prepared(resource: dict[str, Any]) -> Prepared:
    meta, rest = split_body(resource)
    return Prepared(resource["resourceType"], meta, rest, rows(resource), "r4")


async def opened(url: str) -> Store:
    return await open_store(url, index=index, read_connections=4, statement_timeout=20)


async def put(store: Store, id: str, resource: dict[str, Any], method: str = "PUT") -> Any:
    async def work(tx: Any) -> Any:
        await tx.current("Observation", id)
        return tx.put("Observation", id, prepared(resource), method)

    return await store.write(work, targets=[("Observation", id)])


async def delete(store: Store, id: str) -> Any:
    async def work(tx: Any) -> Any:
        await tx.current("Observation", id)
        return tx.delete("Observation", id)

    return await store.write(work)


async def table(store: Store, name: str) -> set[tuple[Any, ...]]:
    async with store.reading() as connection:
        return {tuple(row) for row in await connection.fetch(f"select * from {name}")}
