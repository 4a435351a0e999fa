"""$validate: says what is wrong with a resource without storing it.

Specification: https://hl7.org/fhir/R4/resource-operation-validate.html. The one thing to know: the answer is 200
with an OperationOutcome whether the resource is valid or not, and it names what was not checked, so that silence
is never taken for approval.
"""

from typing import Any, cast

from suture.api.http import Request, Response, as_resource, resource_response
from suture.api.interactions.patch import require
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.preparation import check_type
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import Invalid, Issue, operation_outcome
from suture.fhir.patch.elements import is_a

MODES = ("create", "update", "delete", "profile")

_BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/"
_NOT_CHECKED = (
    "Checked: the structure (elements, cardinality, types, formats, required codes, reference types, narrative). "
    "Not checked: invariants, codes of other bindings, profiles, and whether referenced resources exist."
)

DEFINITION = define(
    "Resource-validate",
    "Validate a resource",
    "Checks the structure of a resource, or whether a resource could be created, updated or deleted. "
    "Profiles are not checked yet; the answer says so.",
    resource="Resource",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter(
            "resource", "in", "0..1", "Resource", "The resource; not needed for an instance, or with mode delete."
        ),
        parameter("mode", "in", "0..1", "code", "What the resource is checked for: create, update, delete or profile."),
        parameter("profile", "in", "0..1", "uri", "A profile that the resource should meet."),
        parameter("return", "out", "1..1", "OperationOutcome", "What was found."),
    ),
)


async def validate(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/[type]/$validate`, `GET|POST [base]/[type]/[id]/$validate`."""
    assert type is not None
    decision = services.decide(request, type)
    inputs = await read_inputs(request, ("resource", "mode", "profile"))
    mode, profile = inputs.text("mode"), inputs.text("profile")
    if mode and mode not in MODES:
        raise Invalid(f"The mode is one of {', '.join(MODES)}, not {mode[:40]!r}.")
    if mode == "profile" and not profile:
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
    issues = list(model.validator.issues(resource))
    if mode == "update" and id is not None:
        issues += _about_update(resource, type, id, stored is not None, services.settings.update_as_create)
    issues += _about_profiles(model, resource, type, profile)
    if not any(issue.severity in ("error", "fatal") for issue in issues):
        issues.append(Issue("information", "informational", "No problem was found in what was checked."))
    return _answer([*issues, Issue("information", "informational", _NOT_CHECKED)])


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


def _about_profiles(model: Model, resource: dict[str, Any], type: str, profile: str) -> list[Issue]:
    """What can be said without checking profiles: base definitions are met by structure, others are unknown."""
    issues: list[Issue] = []
    if profile:
        name = profile.partition("|")[0].removeprefix(_BASE_PROFILE)
        if name not in model.definitions.structures:
            text = (
                f"The profile {profile[:200]} was not checked: this server checks the structure of the base type only."
            )
            issues.append(Issue("warning", "not-supported", text))
        elif not is_a(model.definitions, type, name):
            issues.append(Issue("error", "structure", f"A {type} is not a {name}.", type))
    meta = resource.get("meta")
    if isinstance(meta, dict) and cast("dict[str, Any]", meta).get("profile"):
        text = "The profiles that the resource claims were not checked."
        issues.append(Issue("information", "not-supported", text, f"{type}.meta.profile"))
    return issues


def _answer(issues: list[Issue]) -> Response:
    return resource_response(200, operation_outcome(issues))


VALIDATE = Operation(validate, DEFINITION)
