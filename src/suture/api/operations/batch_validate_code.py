"""$batch-validate-code: many validations of codes in one call.

Specification: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/. The one thing to know: each `validation` is the
Parameters of one $validate-code; what stands beside them counts for all. One that fails does not fail the others.
"""

from typing import Any, cast

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import Call, Json, read_call
from suture.api.operations.validate_code import judged
from suture.api.services import Model, Services
from suture.fhir.outcomes import FhirError, Invalid, operation_outcome
from suture.fhir.outcomes import Issue as Plain

MAX_VALIDATIONS = 1000
"""Validations of one call."""

_DEFINITION = {
    **define(
        "ValueSet-batch-validate-code",
        "Batch Mode Validation",
        "Several $validate-code calls at once, against value sets (`url`, `valueSet`) or code systems.",
        resource="ValueSet",
        levels=("type",),
        affects_state=False,
        parameters=(
            parameter("validation", "in", "1..*", "Parameters", "The parameters of one $validate-code."),
            parameter("tx-resource", "in", "0..*", "Resource", "Definitions to use in all of them."),
            parameter("validation", "out", "1..*", "Parameters", "The answer to each, in order, or an outcome."),
        ),
    ),
    "id": "batch-validate-code",
    "url": "urn:suture:operation:batch-validate-code",
}


async def batch_validate_code(
    services: Services, model: Model, request: Request, type: str | None, id: str | None
) -> Response:
    """`POST [base]/ValueSet/$batch-validate-code`."""
    call = await read_call(services, model, request, "ValueSet")
    asked = call.asked.all("validation")
    if not asked:
        raise Invalid("$batch-validate-code needs at least one 'validation' with the Parameters of a $validate-code.")
    if len(asked) > MAX_VALIDATIONS:
        raise Invalid(f"$batch-validate-code takes at most {MAX_VALIDATIONS} validations at once.")
    answers = [{"name": "validation", "resource": await _one(call, one)} for one in asked]
    return resource_response(200, {"resourceType": "Parameters", "parameter": answers})


async def _one(call: Call, parameters: Any) -> Json:
    try:
        inner = call.of(call.shared("validation") | _values(parameters))
        type = "ValueSet" if inner.asked.has("valueSet") or _of_value_set(inner) else "CodeSystem"
        return (await judged(inner, type, None)).parameters
    except FhirError as error:
        return error.outcome()
    except RecursionError:
        return operation_outcome([Plain("error", "too-costly", "The parameters are nested too deeply.")])


def _of_value_set(call: Call) -> bool:
    """Whether `url` names a value set: it does unless the code system is what is asked about."""
    return call.asked.has("url") and not call.asked.has("codeSystem")


def _values(parameters: Any) -> dict[str, list[Any]]:
    given = cast(Json, parameters) if isinstance(parameters, dict) else {}
    if given.get("resourceType") != "Parameters":
        raise Invalid("Each 'validation' is a Parameters resource.")
    found: dict[str, list[Any]] = {}
    for one in given.get("parameter", ()):
        value = next((v for name, v in one.items() if name in ("resource", "part") or name.startswith("value")), None)
        if isinstance(one.get("name"), str) and value is not None:
            found.setdefault(one["name"], []).append(value)
    return found


BATCH_VALIDATE_CODE = Operation(batch_validate_code, _DEFINITION)
