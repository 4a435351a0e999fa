"""The functions that FHIR adds (https://hl7.org/fhir/R4/fhirpath.html#functions)."""

from typing import Any, cast

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.definitions import element_definition
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.navigation import Located, located_members, members
from suture.fhir.fhirpath.resolution import resolved
from suture.fhir.fhirpath.types import Item, Json
from suture.fhir.fhirpath.values import EMPTY, Items, text
from suture.fhir.narrative import narrative_fault
from suture.fhir.versions import Version

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def _extension(focus: Items, env: Environment, url: Items) -> Items:
    wanted = text(url, "The URL of an extension")
    if wanted is None or not focus:
        return EMPTY
    step = located_members if isinstance(focus[0], Located) else members
    return [item for item in step(focus, "extension", env) if _json(item[0]).get("url") == wanted]


def _json(value: Any) -> Json:
    return cast(Json, value) if isinstance(value, dict) else {}


def _has_extension(focus: Items, env: Environment, url: Items) -> bool:
    """Not in the specification, but in a search parameter of R4."""
    return bool(_extension(focus, env, url))


def _has_value(focus: Items, env: Environment) -> bool:
    return len(focus) == 1 and focus[0][1].primitive and focus[0][0] is not None


def _get_value(focus: Items, env: Environment) -> Items:
    if not _has_value(focus, env):
        return EMPTY
    value, type, _ = focus[0]
    return ((value, tuple(types.SYSTEM_TYPES.values())[type.kind], None),)


def _resolve(focus: Items, env: Environment) -> Items:
    found: list[Item] = []
    for item in focus:
        env.budget.spend(10)
        reference = _reference(item)
        target = resolved(reference, env, item[0]) if reference else None
        if target is not None:
            found.append(target)
    return found


def _reference(item: Item) -> str | None:
    value, type, _ = item
    if type.kind == types.STRING:
        return value if isinstance(value, str) else None
    if isinstance(value, dict):
        reference = cast(Json, value).get("reference")
        if isinstance(reference, dict):  # CodeableReference
            reference = cast(Json, reference).get("reference")
        return reference if isinstance(reference, str) else None
    return None


def _html_checks(focus: Items, env: Environment) -> bool | None:
    """Of one xhtml; a text is judged as what may stand within its div. Everything else has no answer."""
    if len(focus) != 1 or focus[0][1].kind != types.STRING:
        return None
    value, type, _ = focus[0]
    if not isinstance(value, str):
        return None if value is None else False
    env.budget.write(len(value))
    return narrative_fault(value if type.name == "xhtml" else f"{_DIV}{value}</div>") is None


def _check_modifiers(focus: Items, env: Environment, *allowed: Items) -> Items:
    known = {url.strip() for one in allowed for url in (text(one, "The URL of an extension") or "").split(",")}
    for value, _, _ in focus:
        extensions = cast(Json, value).get("modifierExtension") if isinstance(value, dict) else None
        for one in cast("list[Any]", extensions) if isinstance(extensions, list) else ():
            url = cast(Json, one).get("url") if isinstance(one, dict) else None
            if url not in known:
                raise FhirPathEvaluationError(f"checkModifiers() found the modifier extension '{str(url)[:200]}'")
    return focus


def _conforms_to(focus: Items, env: Environment, profile: Items) -> bool | None:
    url = text(profile, "The URL of a profile")
    if len(focus) != 1 or url is None:
        return None
    value, type, _ = focus[0]
    name = url.partition("|")[0].removeprefix(_CORE)
    if url.startswith(_CORE) and env.model is not None and name in env.model:
        return name in type.supers
    answer = env.host.conforms_to(value, type.name, url)
    if answer is None:
        raise FhirPathEvaluationError(f"The profile '{url[:200]}' is not known")
    return answer


def _slice(focus: Items, env: Environment, structure: Items, name: Items) -> Items:
    url, wanted = text(structure, "The URL of a profile"), text(name, "The name of a slice")
    if url is None or wanted is None:
        return EMPTY
    found: list[Item] = []
    for item in focus:
        answer = env.host.in_slice(item[0], item[1].path, url, wanted)
        if answer is None and env.model is not None and env.model.version is not Version.R5:
            # an error in R4 and R4B, nothing in R5
            raise FhirPathEvaluationError(f"The slice '{wanted[:100]}' of the profile '{url[:200]}' is not known")
        if answer:
            found.append(item)
    return found


def _element_definition(focus: Items, env: Environment) -> Items:
    found: list[Item] = []
    for item in focus:
        path = item.field.path if isinstance(item, Located) and item.field else item[1].path
        definition = element_definition(env.model, path) if env.model else None
        if definition is not None and env.model is not None:
            found.append((definition, env.model.type("ElementDefinition"), None))
    return found


FUNCTIONS = {
    "extension": Function(_extension, 1, 1),
    "hasExtension": Function(_has_extension, 1, 1, predicate=True, result=types.BOOLEAN),
    "hasValue": Function(_has_value, predicate=True, result=types.BOOLEAN),
    "getValue": Function(_get_value),
    "resolve": Function(_resolve),
    "htmlChecks": Function(_html_checks, predicate=True, result=types.BOOLEAN),
    "htmlchecks": Function(_html_checks, predicate=True, result=types.BOOLEAN),
    "checkModifiers": Function(_check_modifiers, 0, None),
    "conformsTo": Function(_conforms_to, 1, 1, predicate=True, result=types.BOOLEAN),
    "slice": Function(_slice, 2, 2),
    "elementDefinition": Function(_element_definition),
}
