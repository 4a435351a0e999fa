"""resolve(): where a reference leads.

Specification: https://hl7.org/fhir/R4/references.html#contained and https://hl7.org/fhir/R4/bundle.html#references.
Contained resources come first, then the entries of the Bundle that holds the resource, then whatever the host knows.
"""

from typing import Any, cast

from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.types import Item, Json


def resolved(reference: str, env: Environment, place: Any = None) -> Item | None:
    """The resource that `reference` leads to, None if it is not found. Raises Unanswered when the host does.

    `place`: the JSON value that refers to it.
    """
    model = env.model
    assert model is not None
    if reference.startswith("#"):
        found = _contained(reference[1:], env) or _contained_in_entry(reference[1:], env, place)
    else:
        found = _in_bundle(reference, env)
        if found is None:
            found = env.host.resolve(reference, env)
    return None if found is None else model.item(found)


def _contained(id: str, env: Environment) -> Json | None:
    for items in (env.resource, env.root):
        for value, _, _ in items:
            if not isinstance(value, dict):
                continue
            holder = cast(Json, value)
            if not id:
                # '#' is the container itself
                return cast(Json, env.root[0][0]) if env.root else holder
            for one in _dicts(holder.get("contained")):
                if one.get("id") == id:
                    return one
    return None


def _contained_in_entry(id: str, env: Environment, place: Any) -> Json | None:
    """What an entry of the Bundle at hand contains, for a reference that stands in that entry."""
    root: Any = env.root[0][0] if env.root else None
    for entry in _dicts(cast(Json, root).get("entry") if isinstance(root, dict) else None):
        resource: Any = entry.get("resource")
        if isinstance(resource, dict):
            for one in _dicts(cast(Json, resource).get("contained")):
                if one.get("id") == id and _holds(resource, place, env):
                    return one
    return None


def _holds(resource: Any, place: Any, env: Environment) -> bool:
    """Whether a JSON value is somewhere within a resource."""
    stack: list[Any] = [resource]
    while stack:
        env.budget.spend(1)
        value = stack.pop()
        if value is place:
            return True
        if isinstance(value, dict):
            stack.extend(cast(Json, value).values())
        elif isinstance(value, list):
            stack.extend(cast("list[Any]", value))
    return False


def _in_bundle(reference: str, env: Environment) -> Json | None:
    root: Any = env.root[0][0] if env.root else None
    if not isinstance(root, dict) or cast(Json, root).get("resourceType") != "Bundle":
        return None
    bundle = cast(Json, root)
    reference = reference.partition("/_history/")[0]
    base = _base(bundle, env)
    for entry in _dicts(bundle.get("entry")):
        url, resource = entry.get("fullUrl"), entry.get("resource")
        if not isinstance(resource, dict):
            continue
        target = cast(Json, resource)
        if isinstance(url, str):
            if url == reference or (":" not in reference and url == base + reference):
                return target
        elif f"{target.get('resourceType')}/{target.get('id')}" == reference:
            return target
    return None


def _base(bundle: Json, env: Environment) -> str:
    """What a relative reference of the resource at hand starts from: the fullUrl of its entry without type and id."""
    resource = env.resource[0][0] if env.resource else None
    for entry in _dicts(bundle.get("entry")):
        url = entry.get("fullUrl")
        if entry.get("resource") is resource and isinstance(url, str) and url.startswith("http"):
            return "/".join(url.split("/")[:-2]) + "/"
    # asked from the Bundle itself: the base of its first entry with a URL
    for entry in _dicts(bundle.get("entry")):
        url = entry.get("fullUrl")
        if isinstance(url, str) and url.startswith("http"):
            return "/".join(url.split("/")[:-2]) + "/"
    return ""


def _dicts(value: Any) -> list[Json]:
    if not isinstance(value, list):
        return []
    return [cast(Json, one) for one in cast("list[Any]", value) if isinstance(one, dict)]
