"""$batch-validate-code: many validations of codes in one call.

Specification: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/. The one thing to know: each `validation` is the
Parameters of one $validate-code; what stands beside them counts for all. One that fails does not fail the others.
"""

from typing import Any, cast

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import MALFORMED, Call, Json, explained, read_call, terminological
from suture.api.operations.validate_code import judged
from suture.api.services import Model, Services
from suture.fhir.outcomes import FhirError, Invalid
from suture.terminology.problems import Refused, told

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
    return await answers(model, request, await read_call(services, model, request, "ValueSet"))


async def answers(model: Model, request: Request, call: Call) -> Response:
    """The answer to each `validation` of a call, in order. Raises Invalid."""
    asked = call.asked.all("validation")
    if not asked:
        raise Invalid("$batch-validate-code needs at least one 'validation' with the Parameters of a $validate-code.")
    if len(asked) > MAX_VALIDATIONS:
        raise Invalid(f"$batch-validate-code takes at most {MAX_VALIDATIONS} validations at once.")
    found = [{"name": "validation", "resource": await _one(model, request, call, one)} for one in asked]
    return resource_response(200, {"resourceType": "Parameters", "parameter": found})


async def _one(model: Model, request: Request, call: Call, parameters: Any) -> Json:
    try:
        inner = call.of(call.shared("validation") | _values(parameters))
        type = "ValueSet" if inner.asked.has("valueSet") or _of_value_set(inner) else "CodeSystem"
        return (await judged(inner, type, None)).parameters
    except Refused as error:
        return error.outcome()
    except FhirError as error:
        return told(error).outcome()
    except MALFORMED as error:
        why = await explained(model, request, error)
        if isinstance(why, FhirError):
            return why.outcome()
        raise


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


BATCH_VALIDATE_CODE = Operation(terminological(batch_validate_code), _DEFINITION)
