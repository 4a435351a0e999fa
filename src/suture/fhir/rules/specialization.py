"""StructureDefinitions of new types: logical models, and the types of the specification itself.

Specification: https://hl7.org/fhir/R4/structuredefinition-definitions.html#StructureDefinition.type. A type without a
namespace is one of the specification's; every other one is named by an absolute URL, and the paths of its elements
begin with the last part of it.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import numbered, text
from suture.fhir.rules.uris import is_absolute

_CORE = "http://hl7.org/fhir/StructureDefinition/"


def new_type(seen: Seen) -> Iterable[Issue]:
    """A new type has a name of its own, which its elements carry."""
    type, base = text(seen.value, "type"), text(seen.value, "baseDefinition")
    if not type or text(seen.value, "derivation") != "specialization":
        return
    find = seen.scene.canonicals.find
    if not is_absolute(type):
        # Data elements are named by the paths of elements.
        own = text(seen.value, "url") == _CORE + type or "." in type
        if not own and type not in seen.scene.definitions.structures and not find("StructureDefinition", _CORE + type):
            yield seen.error(
                "value", f"There is no type {shown(type)} in FHIR; another type is named by an absolute URL.", "type"
            )
        return
    above = find("StructureDefinition", base) if base else None
    if above is not None and text(above, "type") == type:
        yield seen.error("business-rule", f"The type {shown(type)} is the type of its base; a new type has its own.")
    name = type.rpartition("/")[2] if "/" in type else ""
    for view in ("differential", "snapshot"):
        for number, element in numbered(seen.value.get(view), "element"):
            path = text(element, "path")
            if name and path and path.partition(".")[0] != name:
                yield seen.error(
                    "value", f"The path {shown(path)} must start with {shown(name)}.", f"{view}.element[{number}]"
                )
