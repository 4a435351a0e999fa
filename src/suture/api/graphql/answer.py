"""Answering one query: read it, check it, run it.

Specification: https://hl7.org/fhir/R4/graphql.html. The one thing to know: what is asked about the types
themselves (`__schema`, `__type`) is answered by the schema, everything else by the resources, never both in one query.
"""

from suture.api.graphql.budget import Budget
from suture.api.graphql.document import Asked, read
from suture.api.graphql.execution import Execution
from suture.api.graphql.introspection import is_about_types
from suture.api.graphql.loading import Loader
from suture.api.graphql.selection import Compiler, Node
from suture.api.graphql.shapes import QUERY
from suture.api.http import Request
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import Forbidden, NotFound


async def answer_query(
    services: Services, model: Model, request: Request, asked: Asked, type: str | None, id: str | None
) -> bytes:
    """The data, as JSON, of a query about one resource (type and id), one type (id None) or all (type None).

    Raises FhirError, most often as QueryError.
    """
    services.decide(request, type or "")
    settings = services.settings
    depth, fields = settings.graphql_depth, settings.graphql_fields
    operation = read(asked)
    if is_about_types(operation):
        if not settings.graphql_introspection:
            raise Forbidden("Questions about the types are not answered here (setting graphql_introspection).")
        await services.catalogue.refresh()
        return await model.introspection.answer(operation, asked.query, depth, fields)
    only = type or "" if id is None else ""

    def compiled() -> tuple[Node, ...]:
        root = type if type is not None and id is not None else QUERY
        return Compiler(operation, model.shapes, model.parameters, depth, fields, only).compile(root)

    nodes = await services.catalogue.certainly(compiled)
    budget = Budget(settings.graphql_resources, settings.graphql_cost)
    loader = Loader(services, model, request, budget)
    execution = Execution(model.shapes, loader, budget, f"{request.base}/")
    if type is None or id is None:
        return json.encode(await execution.run(nodes, None))
    resource = await loader.one(type, id)
    if resource is None:
        raise NotFound(f"There is no {type}/{id}.")
    return json.encode(await execution.run(nodes, resource))
