"""An element of a type as an ElementDefinition, for `elementDefinition()`.

Specification: https://hl7.org/fhir/R4/elementdefinition.html. It holds what the server keeps of the definitions: no
texts.
"""

from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.types import Json


def element_definition(model: Model, path: str) -> Json | None:
    """The definition of the element at a path such as `Patient.contact.name`, None if there is none."""
    element = model.element(path)
    if element is None:
        return None
    definition: Json = {
        "id": element.path,
        "path": element.path,
        "min": element.min,
        "max": "*" if element.max is None else str(element.max),
    }
    if element.content_reference:
        definition["contentReference"] = f"#{element.content_reference}"
    if element.types:
        definition["type"] = [_type(one.code, one.targets) for one in element.types]
    if element.constraints:
        definition["constraint"] = [
            {"key": one.key, "severity": one.severity, "human": one.human, "expression": one.expression}
            for one in element.constraints
        ]
    definition |= {"isModifier": element.is_modifier, "isSummary": element.is_summary}
    if element.binding_strength:
        definition["binding"] = {"strength": element.binding_strength, "valueSet": element.binding_value_set}
    return definition


def _type(code: str, targets: tuple[str, ...]) -> Json:
    found: Json = {"code": code}
    if targets:
        core = "http://hl7.org/fhir/StructureDefinition/"
        found["targetProfile"] = [one if ":" in one else core + one for one in targets]
    return found
