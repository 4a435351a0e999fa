"""$meta: the profiles, tags and security labels of one resource, of a type, or of the whole server.

Specification: https://hl7.org/fhir/R4/resource-operation-meta.html. The one thing to know: for a type and for the
server the answer is gathered by reading the resources, so it is bounded by the setting `search_budget`.
"""

from typing import Any

import msgspec

from suture.access import Decision
from suture.api.http import Request, Response, resource_response
from suture.api.interactions.patch import require
from suture.api.operations.inputs import read_inputs
from suture.api.operations.labels import LABELS, united
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services
from suture.fhir.outcomes import TooCostly

_PAGE = 1000

DEFINITION = define(
    "Resource-meta",
    "Access a list of profiles, tags, and security labels",
    "The meta element of one resource, or all profiles, tags and security labels that are in use in a type or on "
    "the server. Versions of a resource other than the current one are not served.",
    resource="Resource",
    levels=("system", "type", "instance"),
    affects_state=False,
    parameters=(parameter("return", "out", "1..1", "Meta", "The meta found."),),
)


class _OnlyMeta(msgspec.Struct):
    meta: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_OnlyMeta).decode


def meta_of(body: bytes) -> dict[str, Any]:
    """The meta element of a stored resource."""
    return _decode(body).meta


def answer(meta: dict[str, Any]) -> Response:
    """The Parameters that carry a Meta."""
    parameters = [{"name": "return", "valueMeta": meta}] if meta else []
    return resource_response(200, {"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})})


async def meta(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/$meta`, `[base]/[type]/$meta`, `[base]/[type]/[id]/$meta`."""
    decision = services.decide(request, type or "")
    await read_inputs(request, ())
    if type is not None and id is not None:
        stored = require(await services.store.read(type, id, decision.predicate), type, id)
        return answer(meta_of(stored.body))
    return answer(await _in_use(services, model, type, decision))


async def _in_use(services: Services, model: Model, type: str | None, decision: Decision) -> dict[str, Any]:
    """Every label in use in a type or on the server. Raises TooCostly."""
    found: dict[str, Any] = {}
    seen, cursor = 0, ""
    while True:
        pairs = [("_count", str(_PAGE)), *([("_cursor", cursor)] if cursor else [])]
        query = model.search.parse(type, pairs, lenient=False)
        async with services.store.reading() as connection:
            page = await model.search.run(connection, query, decision.predicate)
        for stored in page.matches:
            meta = meta_of(stored.body)
            if any(name in meta for name in LABELS):
                found = united(found, meta)
        seen += len(page.matches)
        if not page.next:
            return {name: found[name] for name in LABELS if name in found}
        if seen >= services.settings.search_budget:
            raise TooCostly(
                f"There are more than {seen} resources to look through; ask for $meta of one type or resource."
            )
        cursor = page.next


META = Operation(meta, DEFINITION)
