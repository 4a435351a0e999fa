"""Parameters of a ValueSet: what its filters compute is FHIRPath, and of parameters that the value set declares.

Specification: the extensions valueset-parameter (http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter) and
cqf-expression, by which the value of a filter is computed when the value set is expanded.
"""

import re
from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.expressions import complaint_about
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, extension_value, extensions, numbered, text
from suture.fhir.rules.value_set import includes

_PARAMETER = "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"
_EXPRESSION = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
_VARIABLES = re.compile(r"%([A-Za-z_][A-Za-z0-9_\-]*)").findall
_GIVEN = frozenset(("resource", "rootResource", "context", "ucum", "sct", "loinc", "now", "today"))


def computed_filters(seen: Seen) -> Iterable[Issue]:
    """The expressions of filters, and whether every parameter is used."""
    names = [extension_value(extension, "name") for extension in extensions(seen.value, _PARAMETER)]
    used: set[str] = set()
    for place, include in includes(seen):
        for number, filter in numbered(include, "filter"):
            for position, extension in enumerate(extensions(below(filter, "_value"), _EXPRESSION)):
                where = f"{place}.filter[{number}].extension[{position}].value"
                expression = below(extension, "valueExpression")
                used.update(_VARIABLES(text(expression, "expression")))
                yield from _expression(seen, expression, names, where)
    for number, name in enumerate(names):
        if isinstance(name, str) and name not in used:
            yield seen.warning("business-rule", f"The parameter {shown(name)} is not used.", f"extension[{number}]")


def _expression(seen: Seen, expression: Json, names: list[object], where: str) -> Iterator[Issue]:
    language, code = text(expression, "language"), text(expression, "expression")
    if language and language != "text/fhirpath":
        yield seen.error("invalid", f"The language must be text/fhirpath, not {shown(language)}.", where)
        return
    complaint = complaint_about(seen, code, []) if code else ""
    if complaint:
        yield seen.error("invalid", f"{shown(code)} is not FHIRPath: {complaint}", where)
        return
    for name in _VARIABLES(code):
        if name not in names and name not in _GIVEN and not name.startswith(("vs-", "ext-")):
            yield seen.error(
                "invalid", f"{shown(code)} refers to the parameter {shown(name)}, which is not declared.", where
            )
