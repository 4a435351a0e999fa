"""$reindex: which search parameters were added, how far their index has come, and building index rows anew.

An operation of Suture's own. The one thing to know: GET only tells; POST orders the index rows of types to be compared
with their resources once more, which the server does in the background while everything can be searched as before.
"""

from typing import Any

from suture.api.http import Request, Response, resource_response
from suture.api.operations.inputs import read_inputs
from suture.api.operations.operation import Definition, Operation, group, parameter
from suture.api.services import Model, Services
from suture.fhir.dates import from_us
from suture.fhir.outcomes import Invalid
from suture.search.contained import inner_type, waiting
from suture.store.rebuild import Progress

DEFINITION: Definition = {
    "resourceType": "OperationDefinition",
    "id": "reindex",
    "url": "urn:suture:operation:reindex",
    "name": "Reindex",
    "title": "State of the search index",
    "status": "active",
    "kind": "operation",
    "description": "GET tells which search parameters were added to the server and which index rows are being built. "
    "POST orders the index rows of a resource type (or of those given by `type`) to be checked and mended in the "
    "background.",
    "affectsState": False,
    "code": "reindex",
    "resource": ["Resource"],
    "system": True,
    "type": True,
    "instance": False,
    "parameter": [
        parameter("type", "in", "0..*", "code", "A resource type to rebuild, at system level."),
        group(
            "parameter",
            "out",
            "0..*",
            "A search parameter that was added, of one resource type.",
            parameter("url", "out", "1..1", "uri", "Of the SearchParameter."),
            parameter("type", "out", "1..1", "code", "The resource type."),
            parameter("code", "out", "1..1", "code", "Its name in a search."),
            parameter(
                "state",
                "out",
                "1..1",
                "code",
                "`usable`, `building` until its index rows are complete, or `unused`: of a package and not in force.",
            ),
            parameter("reason", "out", "0..1", "string", "Why it is unused."),
        ),
        group(
            "building",
            "out",
            "0..*",
            "A resource type whose index rows are being built.",
            parameter("type", "out", "1..1", "code", "The resource type."),
            parameter("done", "out", "1..1", "integer", "Resources that were looked at."),
            parameter("started", "out", "1..1", "instant", "When it began."),
            parameter("total", "out", "0..1", "integer", "Resources of the type, where they were counted."),
            parameter("problem", "out", "0..1", "string", "What keeps it from going on."),
            parameter("pending", "out", "0..*", "string", "Search parameters that wait for it, `*` for all."),
        ),
    ],
}


async def reindex(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/$reindex` and `[base]/[type]/$reindex`."""
    services.decide(request, type or "")
    inputs = await read_inputs(request, ("type",))
    types = inputs.codes("type") if type is None else (type,)
    for name in types:
        if name not in model.types:
            raise Invalid(f"'{name[:80]}' is not a resource type here.")
    if request.method == "POST":
        if not types:
            raise Invalid("Say which resource types to rebuild: the parameter 'type', such as Observation.")
        await services.catalogue.order(types)
    else:
        await services.catalogue.refresh()
    building = [item for item in await services.catalogue.progress() if not types or item.type in types]
    added = [_added(services, url, code, base) for url, code, base in _of(services, types)]
    entries = [*added, *_unused(services, types), *({"name": "building", "part": _parts(item)} for item in building)]
    answer = {"resourceType": "Parameters", **({"parameter": entries} if entries else {})}
    return resource_response(202 if request.method == "POST" else 200, answer)


def _of(services: Services, types: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(url, code, resource type) of the added parameters."""
    return [
        (added.url, added.code, base)
        for added in services.catalogue.current.custom
        for base in added.base
        if not types or base in types
    ]


def _added(services: Services, url: str, code: str, base: str) -> dict[str, Any]:
    pending = services.catalogue.current.pending
    inside = waiting(inner_type(base), code)
    building = (base, code) in pending or (base, "") in pending or any(held == inside for _, held in pending)
    state = "building" if building else "usable"
    return {
        "name": "parameter",
        "part": [
            {"name": "url", "valueUri": url},
            {"name": "type", "valueCode": base},
            {"name": "code", "valueCode": code},
            {"name": "state", "valueCode": state},
        ],
    }


def _unused(services: Services, types: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": "parameter",
            "part": [
                {"name": "url", "valueUri": unused.url},
                {"name": "type", "valueCode": base},
                {"name": "code", "valueCode": unused.code},
                {"name": "state", "valueCode": "unused"},
                {"name": "reason", "valueString": unused.reason},
            ],
        }
        for unused in services.catalogue.current.unused
        for base in unused.base
        if not types or base in types
    ]


def _parts(item: Progress) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"name": "type", "valueCode": item.type},
        {"name": "done", "valueInteger": item.done},
        {"name": "started", "valueInstant": from_us(item.started)},
    ]
    if item.total >= 0:
        parts.append({"name": "total", "valueInteger": item.total})
    if item.problem:
        parts.append({"name": "problem", "valueString": item.problem})
    parts += [{"name": "pending", "valueString": code or "*"} for code in item.pending]
    return parts


REINDEX = Operation(reindex, DEFINITION)
