"""$validate: says everything about a resource without storing it.

Specification: https://hl7.org/fhir/R4/resource-operation-validate.html. The one thing to know: the answer is 200
with an OperationOutcome whether the resource is valid or not. References are followed on this server, as far as the
caller may read what they lead to.
"""

from typing import TYPE_CHECKING, Any

from suture.api.http import Request, Response, as_resource, resource_response
from suture.api.interactions.patch import require
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.preparation import check_type
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.outcomes import Invalid, Issue, operation_outcome

if TYPE_CHECKING:
    from suture.fhir import profiles as profiling
else:
    profiling = deferred("suture.fhir.profiles")

MODES = ("create", "update", "delete", "profile")

MAX_PROFILES = 20
"""Profiles that one call may name."""

DEFINITION = define(
    "Resource-validate",
    "Validate a resource",
    "Checks a resource against its type, its invariants, its bindings, the profiles that it claims and those that are "
    "named, and whether it could be created, updated or deleted.",
    resource="Resource",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter(
            "resource", "in", "0..1", "Resource", "The resource; not needed for an instance, or with mode delete."
        ),
        parameter("mode", "in", "0..1", "code", "What the resource is checked for: create, update, delete or profile."),
        parameter("profile", "in", "0..*", "uri", "Profiles that the resource must meet besides those that it claims."),
        parameter("return", "out", "1..1", "OperationOutcome", "What was found."),
    ),
)


async def validate(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/[type]/$validate`, `GET|POST [base]/[type]/[id]/$validate`."""
    assert type is not None
    decision = services.decide(request, type)
    inputs = await read_inputs(request, ("resource", "mode", "profile"))
    mode, profiles = inputs.text("mode"), _profiles(inputs)
    if mode and mode not in MODES:
        raise Invalid(f"The mode is one of {', '.join(MODES)}, not {mode[:40]!r}.")
    if mode == "profile" and not profiles:
        raise Invalid("The mode 'profile' needs the parameter 'profile'.")
    if id is None and mode in ("update", "delete"):
        raise Invalid(f"The mode {mode!r} is for one resource: call [base]/{type}/[id]/$validate.")
    stored = await services.store.read(type, id, decision.predicate) if id is not None else None
    resource = _resource(inputs)
    if mode == "delete":
        require(stored, type, id or "")
        return _answer([Issue("information", "informational", f"{type}/{id} could be deleted.")])
    if resource is None:
        if id is None:
            raise Invalid("There is nothing to validate: send the resource, or a Parameters with 'resource'.")
        resource = json.decode(require(stored, type, id).body)
    check_type(model, resource, type)
    issues: list[Issue] = []
    if mode == "update" and id is not None:
        issues += _about_update(resource, type, id, stored is not None, services.settings.update_as_create)
    if mode in ("create", "update"):
        profiles += model.gate.required(type)
    oracle = model.surroundings(lambda type: services.decide(request, type).predicate)
    issues += await model.judge.issues(resource, profiles=profiles, context=profiling.Context(oracle=oracle))
    if not any(issue.severity in ("error", "fatal") for issue in issues):
        issues.append(Issue("information", "informational", "No error was found."))
    return _answer(issues)


def _profiles(inputs: Inputs) -> list[str]:
    given = inputs.all("profile")
    if len(given) > MAX_PROFILES or not all(isinstance(url, str) and url for url in given):
        raise Invalid(f"The parameter 'profile' is a canonical URL, at most {MAX_PROFILES} of them.")
    return list(given)


def _resource(inputs: Inputs) -> dict[str, Any] | None:
    sent = inputs.one("resource")
    if inputs.body is not None and sent is not None:
        raise Invalid("The resource was given twice.")
    return inputs.body if sent is None else as_resource(sent)


def _about_update(resource: dict[str, Any], type: str, id: str, exists: bool, may_create: bool) -> list[Issue]:
    issues: list[Issue] = []
    if resource.get("id") != id:
        text = f"The id must be {id!r}, as in the URL, for an update."
        issues.append(Issue("error", "value", text, f"{type}.id"))
    if not exists and not may_create:
        issues.append(
            Issue("error", "not-found", f"There is no {type}/{id}, and updates do not create resources here.")
        )
    return issues


def _answer(issues: list[Issue]) -> Response:
    return resource_response(200, operation_outcome(issues))


VALIDATE = Operation(validate, DEFINITION)
