"""$closure: keep a table of which of a client's codes subsume which.

Specification: https://hl7.org/fhir/R4/conceptmap-operation-closure.html. The one thing to know: a table is a Basic
resource with compressed content, so it is written, shared between processes and backed up like everything else.
"""

import base64
import re
from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import zstandard

from suture.api.http import Request, Response, resource_response
from suture.api.interactions.update import Terms, put_next
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import Call, Json, read_call, terminological
from suture.api.preparation import prepare
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import Invalid, PreconditionFailed, Unavailable
from suture.fhir.versions import Version
from suture.store.transaction import Transaction
from suture.terminology.closure import Entry, Table, add, as_concept_map, since, unknown_table

CONTENT = "urn:suture:closure-table"
"""The extension that holds a table, and the code system of the resource's code."""

LARGEST = 64 * 1024 * 1024
"""Bytes of a table when it is decompressed."""

ATTEMPTS = 5
"""How often a table that others change at the same time is tried."""

_NAME = re.compile(r"\S{1,64}")

_DEFINITION = define(
    "ConceptMap-closure",
    "Closure Table Maintenance",
    "Initialise a closure table (name only), add codes to it (name and concept), or read what is newer than a version "
    "of it (name and version). It can also be called on ConceptMap.",
    resource="ConceptMap",
    levels=("system", "type"),
    affects_state=True,
    parameters=(
        parameter("name", "in", "1..1", "string", "The name of the table, up to 64 characters without spaces."),
        parameter("concept", "in", "0..*", "Coding", "Codes to add."),
        parameter("version", "in", "0..1", "string", "Give what is newer than this version."),
        parameter("return", "out", "1..1", "ConceptMap", "Pairs of codes of which the target subsumes the source."),
    ),
)


async def closure(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/$closure`, `POST [base]/ConceptMap/$closure`."""
    call = await read_call(services, model, request, "ConceptMap")
    name = call.asked.text("name")
    if not _NAME.fullmatch(name):
        raise Invalid("$closure needs a 'name' for the table, of up to 64 characters without white space.")
    concepts, version = call.asked.all("concept"), call.asked.text("version")
    if concepts and version:
        raise Invalid("A $closure request can add concepts or resynchronise from a version, but not both at once.")
    native = model.version is Version.R5
    if version:
        table, _ = await _read(services, call, name)
        return resource_response(200, as_concept_map(table, since(table, version), native=native))
    for _ in range(ATTEMPTS):
        try:
            table, entries = await _changed(services, model, call, name, concepts)
        except PreconditionFailed:
            continue
        return resource_response(200, as_concept_map(table, entries, native=native))
    raise Unavailable(
        f"The closure table {name!r} is being changed by others. Try again.", headers={"Retry-After": "1"}
    )


async def _changed(
    services: Services, model: Model, call: Call, name: str, concepts: Sequence[Json]
) -> tuple[Table, list[Entry]]:
    """The table after the call, and what is new in it. Raises PreconditionFailed when others changed it meanwhile."""
    if not concepts:
        table, match, entries = Table(name), "", list[Entry]()
    else:
        table, stored = await _read(services, call, name)
        match = f'W/"{stored}"'
        entries = await add(call.question(), table, concepts)
    prepared = prepare(model, _resource(table))
    terms = Terms(match)

    async def work(tx: Transaction) -> None:
        await put_next(tx, prepared, _id(name), terms)

    await services.store.write(work, targets=(("Basic", _id(name)),))
    return table, entries


async def _read(services: Services, call: Call, name: str) -> tuple[Table, int]:
    """A table and the version of its resource. Raises Refused when there is none."""
    found = await services.store.read("Basic", _id(name), call.predicate("Basic"))
    if found is None or found.deleted:
        raise unknown_table(name)
    resource: Json = json.reread(found.body)
    packed = next((one["valueBase64Binary"] for one in resource.get("extension", ()) if one["url"] == CONTENT), "")
    plain = zstandard.ZstdDecompressor().decompress(base64.b64decode(packed), max_output_size=LARGEST)
    return msgspec.json.decode(plain, type=Table), found.version


def _resource(table: Table) -> Json:
    packed = zstandard.compress(msgspec.json.encode(table), 3)
    return {
        "resourceType": "Basic",
        "id": _id(table.name),
        "extension": [{"url": CONTENT, "valueBase64Binary": base64.b64encode(packed).decode("ascii")}],
        "code": {"coding": [{"system": "urn:suture:basic", "code": "closure-table"}], "text": table.name},
    }


def _id(name: str) -> str:
    return f"closure.{blake2b(name.encode('utf-8'), digest_size=16).hexdigest()}"


CLOSURE = Operation(terminological(closure), _DEFINITION)
