"""Which value set an element is bound to, for a form that knows only the place it fills in.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html, parameter `context`. The one thing to know: a
path that leads beyond what a profile says goes on in the types of its elements.
"""

# ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from typing import Any

from suture.fhir.outcomes import Invalid, NotFound
from suture.fhir.profiles.branches import BASE, Branch, Unusable
from suture.fhir.profiles.library import MALFORMED, Library

MAX_CONTEXT = 2000
"""Characters of a context."""


def bound_value_set(library: Library, context: str) -> str:
    """The canonical URL of the value set that an element is bound to.

    `context`: the URL of a StructureDefinition, `#` and the path or id of an element, or the path alone in a type of
    the specification, such as `Patient.maritalStatus`. Raises Invalid and NotFound.
    """
    if len(context) > MAX_CONTEXT:
        raise Invalid(f"The context is longer than {MAX_CONTEXT} characters.")
    url, hash, path = context.partition("#")
    if not hash:
        url, path = BASE + context.partition(".")[0], context
    if not path:
        raise Invalid(f"The context '{context[:200]}' names no element: write URL#Type.element or Type.element.")
    try:
        profile = library.profile(url)
        if profile is None:
            raise NotFound(f"The StructureDefinition {url[:200]} is not known here.")
        branch = _found(library, profile.tree, path)
    except (Unusable, *MALFORMED) as error:
        raise Invalid(f"The StructureDefinition {url[:200]} cannot be used: {error}") from None
    if branch is None:
        raise NotFound(f"{url[:200]} has no element '{path[:200]}'.")
    binding: Any = branch.facts.get("binding")
    bound = binding.get("valueSet") if isinstance(binding, dict) else None
    if not isinstance(bound, str) or not bound:
        raise NotFound(f"The element '{path[:200]}' of {url[:200]} is bound to no value set.")
    return bound


def _found(library: Library, tree: Branch, path: str) -> Branch | None:
    """The element of a path or id, in the tree and then in the types of its elements."""
    root: Branch = tree
    branch: Branch | None = tree
    for part in path.split(".")[1:]:
        name, _, slice = part.partition(":")
        reference = branch.facts.get("contentReference")
        if isinstance(reference, str):
            branch = root.find(reference.partition("#")[2]) or branch
        below = branch.child(name)
        if below is None and len(branch.types) == 1:
            root = library.of_type(str(branch.types[0].get("code"))).tree
            below = root.child(name)
        if below is not None and slice:
            below = below.slice_named(slice)
        if below is None:
            return None
        branch = below
    return branch
