"""$snapshot: a StructureDefinition with the snapshot that follows from its differential.

Specification: https://hl7.org/fhir/R4/structuredefinition-operation-snapshot.html. The one thing to know: a
differential that says what its base does not allow is refused, with one issue for each such element. Nothing is stored.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from suture.api.http import Request, Response, as_resource, resource_response
from suture.api.interactions.patch import require
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.preparation import check_type
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.outcomes import Invalid, Issue, NotFound, Unprocessable
from suture.store.predicate import Predicate

if TYPE_CHECKING:
    from suture.fhir.profiles import branches, library, snapshots
else:
    branches = deferred("suture.fhir.profiles.branches")
    library = deferred("suture.fhir.profiles.library")
    snapshots = deferred("suture.fhir.profiles.snapshots")

Json = dict[str, Any]

STRUCTURE_DEFINITION = "StructureDefinition"

MAX_FAULTS = 100
"""Faults of a differential that are told."""

_DEFINITION = define(
    "StructureDefinition-snapshot",
    "Generate Snapshot",
    "The definition with a snapshot, made anew from its differential. What Suture itself ships has no texts for "
    "readers, so elements that only the specification describes refer to it.",
    resource=STRUCTURE_DEFINITION,
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter("definition", "in", "0..1", STRUCTURE_DEFINITION, "The definition itself."),
        parameter("url", "in", "0..1", "uri", "The canonical URL of a definition that the server knows."),
        parameter("return", "out", "1..1", STRUCTURE_DEFINITION, "The definition with its snapshot."),
    ),
)


async def snapshot(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/StructureDefinition/$snapshot`, `GET|POST [base]/StructureDefinition/[id]/$snapshot`."""
    predicate = services.decide(request, STRUCTURE_DEFINITION).predicate
    inputs = await read_inputs(request, ("definition", "url"))
    sent, url = _sent(inputs), inputs.text("url")
    if (id is not None) + (sent is not None) + bool(url) != 1:
        raise Invalid("$snapshot is for one definition: that of the instance, of 'definition', or of 'url'.")
    if id is not None:
        stored = require(await services.store.read(STRUCTURE_DEFINITION, id, predicate), STRUCTURE_DEFINITION, id)
        definition = json.reread(stored.body)
    elif sent is not None:
        definition = sent
        check_type(model, definition, STRUCTURE_DEFINITION)
        model.validator.check(definition)
    else:
        definition = await _known(services, model, predicate, url)
    return resource_response(200, await asyncio.to_thread(_completed, model, definition))


def _sent(inputs: Inputs) -> Json | None:
    sent = inputs.one("definition")
    if inputs.body is not None and sent is not None:
        raise Invalid("The definition was given twice.")
    return inputs.body if sent is None else as_resource(sent)


async def _known(services: Services, model: Model, predicate: Predicate, url: str) -> Json:
    """The definition of a URL: with all its texts where it is stored, or in a package. Raises NotFound."""
    found = model.judge.library.definition(url)
    if found is None:
        raise NotFound(f"No StructureDefinition with the URL '{url[:300]}' is known here.")
    pairs = [(name, str(found[name])) for name in ("url", "version") if found.get(name)]
    query = model.search.parse(STRUCTURE_DEFINITION, [*pairs, ("_count", "1"), ("_total", "none")])
    async with services.store.reading() as connection:
        page = await model.search.run(connection, query, predicate)
    return json.reread(page.matches[0].body) if page.matches else found


def _completed(model: Model, definition: Json) -> Json:
    if not definition.get("differential"):
        if definition.get("snapshot"):
            return definition  # Nothing says what to make another one from.
        raise Unprocessable("The definition has no differential to make a snapshot from.")
    try:
        completed, faults = snapshots.complete(model.judge.library, definition)
    except branches.Unusable as error:
        raise Unprocessable(str(error)) from error
    except library.MALFORMED as error:
        raise Unprocessable("The definition is malformed; $validate tells where.") from error
    if faults:
        raise Unprocessable(issues=[_issue(*fault) for fault in faults[:MAX_FAULTS]])
    return completed


def _issue(number: int, element: str, text: str) -> Issue:
    return Issue("error", "processing", f"{element}: {text}", f"StructureDefinition.differential.element[{number}]")


SNAPSHOT = Operation(snapshot, _DEFINITION)
