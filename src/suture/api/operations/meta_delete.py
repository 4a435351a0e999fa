"""$meta-delete: takes profiles, tags and security labels from a resource.

Specification: https://hl7.org/fhir/R4/resource-operation-meta-delete.html. See `meta_change` for how it is written.
"""

from suture.api.http import Request, Response
from suture.api.operations.labels import without
from suture.api.operations.meta_change import change_meta
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services

DEFINITION = define(
    "Resource-meta-delete",
    "Delete profiles, tags, and security labels from a resource",
    "Takes profiles, tags and security labels from the current version, which makes a new version. Labels that are not "
    "there are no error. Earlier versions are not changed.",
    resource="Resource",
    levels=("instance",),
    affects_state=True,
    parameters=(
        parameter("meta", "in", "1..1", "Meta", "Profiles, tags and security labels to take away."),
        parameter("return", "out", "1..1", "Meta", "The meta of the resource afterwards."),
    ),
)


async def meta_delete(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/[type]/[id]/$meta-delete`, with If-Match."""
    assert type is not None and id is not None
    return await change_meta(services, model, request, type, id, without)


META_DELETE = Operation(meta_delete, DEFINITION)
