"""$meta-add: gives a resource more profiles, tags and security labels.

Specification: https://hl7.org/fhir/R4/resource-operation-meta-add.html. See `meta_change` for how it is written.
"""

from suture.api.http import Request, Response
from suture.api.operations.labels import united
from suture.api.operations.meta_change import change_meta
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services

DEFINITION = define(
    "Resource-meta-add",
    "Add profiles, tags, and security labels to a resource",
    "Adds to the profiles, tags and security labels of the current version, which makes a new version. "
    "Earlier versions are not changed.",
    resource="Resource",
    levels=("instance",),
    affects_state=True,
    parameters=(
        parameter("meta", "in", "1..1", "Meta", "Profiles, tags and security labels to add."),
        parameter("return", "out", "1..1", "Meta", "The meta of the resource afterwards."),
    ),
)


async def meta_add(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/[type]/[id]/$meta-add`, with If-Match."""
    assert type is not None and id is not None
    return await change_meta(services, model, request, type, id, united)


META_ADD = Operation(meta_add, DEFINITION)
