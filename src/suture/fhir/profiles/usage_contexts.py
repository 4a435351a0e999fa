"""The contexts of use in which an additional binding holds, as far as a resource tells them by itself.

Specification: https://hl7.org/fhir/R5/elementdefinition-definitions.html#ElementDefinition.binding.additional.usage.
The one thing to know: a context that is named by the path of an element (`Observation.category`) is met by what stands
in that element; of every other context (a jurisdiction, a workflow) the resource says nothing, so that the binding is
left to who knows.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.steps import children
from suture.fhir.profiles.values import brief, fits
from suture.fhir.profiles.walk import Walk

_PATH = re.compile(r"[A-Z][A-Za-z]*(\.[a-z][A-Za-z]*){1,20}").fullmatch


class Usage(NamedTuple):
    """One context: the element at `path` of the resource has `value`."""

    path: str
    value: Any

    def met(self, walk: Walk, spot: Spot) -> bool:
        """Whether the resource that a value is part of is used in this context."""
        resource = walk.resource_of(spot)
        kind, *names = self.path.split(".")
        if resource.type != kind:
            return False
        found = [resource]
        for name in names:
            found = [below for above in found for below in children(walk, above, name)]
        return any(_is(below.value, self.value) for below in found)

    @property
    def text(self) -> str:
        """The context in words."""
        return f"{self.path} is {brief(self.value)}"


def usages(contexts: Any) -> Sequence[Usage] | None:
    """The contexts that a list of UsageContexts means, all of which must be met; None where one cannot be told."""
    found: list[Usage] = []
    for context in contexts if isinstance(contexts, list) else ():
        path = (context.get("code") or {}).get("code")
        value = next((item for key, item in context.items() if key.startswith("value")), None)
        if not isinstance(path, str) or value is None or _PATH(path) is None:
            return None
        found.append(Usage(path, value))
    return found


def _is(value: Any, wanted: Any) -> bool:
    """Whether a value is the one of a context, where a CodeableConcept may also mean one of its codes."""
    if fits(value, wanted):
        return True
    codings = wanted.get("coding") if isinstance(wanted, dict) else None
    return any(fits(value, coding) or value == coding.get("code") for coding in codings or ())
