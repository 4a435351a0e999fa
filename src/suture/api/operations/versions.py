"""$versions: the FHIR versions that this base speaks.

Specification: https://hl7.org/fhir/R4/capabilitystatement-operation-versions.html. The one thing to know: each FHIR
version has a base URL of its own, so a base names one.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services

_DEFINITION = define(
    "CapabilityStatement-versions",
    "Discover what versions a server supports",
    "The FHIR version of this base URL.",
    resource="CapabilityStatement",
    levels=("system",),
    affects_state=False,
    parameters=(
        parameter("version", "out", "1..*", "code", "A version, as major.minor."),
        parameter("default", "out", "1..1", "code", "The one that is used when none is named."),
    ),
)


async def versions(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/$versions`."""
    services.decide(request, "")
    short = ".".join(model.version.number.split(".")[:2])
    parameters = [{"name": "version", "valueCode": short}, {"name": "default", "valueCode": short}]
    return resource_response(200, {"resourceType": "Parameters", "parameter": parameters})


VERSIONS = Operation(versions, _DEFINITION)
