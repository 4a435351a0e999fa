"""$graphql: a query in GraphQL about one resource, about one type, or about the whole server.

Specification: https://hl7.org/fhir/R4/graphql.html and resource-operation-graphql.html. The one thing to know: the
answer is `application/json` in GraphQL's form, also when something is wrong; only as an entry of a batch, where nothing
but resources can stand, it is the Binary that HL7's OperationDefinition speaks of.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from suture.api.http import Request, Response, resource_response
from suture.api.negotiation import check_content_type
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services
from suture.api.shapes import as_object
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.outcomes import FhirError, Invalid, NotFound, NotSupported, TooCostly, Unprocessable

if TYPE_CHECKING:
    from suture.api.graphql import answer, document, faults
else:
    answer = deferred("suture.api.graphql.answer")
    document = deferred("suture.api.graphql.document")
    faults = deferred("suture.api.graphql.faults")

_MEDIA = "application/json;charset=utf-8"
_QUERY = "application/graphql"
_IN_BATCH: Mapping[int, type[FhirError]] = {403: TooCostly, 404: NotFound, 422: Unprocessable, 501: NotSupported}
"""What a status means as the answer to an entry of a batch; 400 means Invalid."""
_NAMES = ("query", "variables", "operationName")

DEFINITION = define(
    "Resource-graphql",
    "Execute a graphql statement",
    "Answers a query in GraphQL. For one resource its fields stand at the root; for the system and for a type there "
    "are Patient(id), PatientList(…) and PatientConnection(…), and so on for each type. The query may also be sent "
    "as GraphQL over HTTP has it: by GET with query, variables and operationName, or by POST as application/json or "
    "application/graphql. The level of types is Suture's own. Mutations are not answered.",
    resource="Resource",
    levels=("system", "type", "instance"),
    affects_state=False,
    parameters=(
        parameter("query", "in", "1..1", "string", "The query, in GraphQL."),
        parameter("result", "out", "1..1", "Binary", "The answer, always sent as application/json."),
    ),
)


async def graphql(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/$graphql`, `[base]/[type]/$graphql`, `[base]/[type]/[id]/$graphql`."""
    try:
        asked = await _asked(request, model)
        data = await answer.answer_query(services, model, request, asked, type, id)
        return _response(request, 200, b"".join((b'{"data":', data, b"}")))
    except FhirError as error:
        status, body = faults.failed(error)
        if request.bundled:
            raise _IN_BATCH.get(status, Invalid)(issues=error.issues) from None
        response = _response(request, status, json.encode(body))
        for name, text in error.headers.items():
            response.headers.append((name.lower().encode("latin-1"), text.encode("latin-1")))
        return response


def _response(request: Request, status: int, body: bytes) -> Response:
    if request.bundled:
        data = b64encode(body).decode("ascii")
        return resource_response(status, {"resourceType": "Binary", "contentType": "application/json", "data": data})
    if request.parameter("_pretty") == "true":
        body = json.format_pretty(body)
    return Response(status, body, media=_MEDIA)


async def _asked(request: Request, model: Model) -> "document.Asked":
    """The query, from wherever it was put. Raises Invalid and UnsupportedMediaType."""
    media = request.header("content-type").partition(";")[0].strip().lower()
    if request.method == "POST" and not request.bundled and media == _QUERY:
        return _from_inputs(await read_inputs(_without_body(request), _NAMES), await _text(request))
    if request.method == "POST" and not request.bundled and media == "application/json":
        check_content_type(request.header("content-type"), model.version)
        body = as_object(json.decode(await request.body()))
        if body is None:
            raise Invalid('The body is a JSON object, such as {"query": "{ PatientList { id } }"}.')
        if "resourceType" not in body:
            return _from_object(body)
    inputs = await read_inputs(request, _NAMES)
    if inputs.body is not None:
        raise Invalid("A resource that is sent with a query is a Parameters with the parameter 'query'.")
    return _from_inputs(inputs, "")


def _without_body(request: Request) -> Request:
    """The same request as far as its URL goes."""
    return request.entry("GET", request.path, request.query, request.headers, None)


async def _text(request: Request) -> str:
    try:
        return (await request.body()).decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("The query is not valid UTF-8.") from None


def _from_inputs(inputs: Inputs, text: str) -> "document.Asked":
    query = inputs.text("query")
    if bool(query) == bool(text):
        raise Invalid("The query was given twice." if query else "The parameter 'query' with the query is missing.")
    variables = inputs.text("variables")
    given = _variables(json.decode(variables.encode()) if variables else None)
    return document.Asked(query or text, given, inputs.text("operationName"))


def _from_object(body: dict[str, Any]) -> "document.Asked":
    query, name = body.get("query"), body.get("operationName")
    if not isinstance(query, str) or not isinstance(name, str | None):
        raise Invalid("'query' is a text with the query, and 'operationName' is a text.")
    unknown = body.keys() - {*_NAMES, "extensions"}
    if unknown:
        raise Invalid(f"The body has no member {min(unknown)[:80]!r}; it has query, variables and operationName.")
    return document.Asked(query, _variables(body.get("variables")), name or "")


def _variables(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("'variables' is a JSON object.")
    plain = msgspec.json.decode(json.encode(value))
    return cast("dict[str, Any]", plain)


GRAPHQL = Operation(graphql, DEFINITION, media=("application/json", _QUERY))
