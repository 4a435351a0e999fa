"""A conformance resource without what only readers need: texts, mappings, examples, how it was published.

What decides on data stays (https://hl7.org/fhir/R4/elementdefinition.html): cardinality, types, slicing, fixed and
pattern values, bindings, constraints, flags and `base`. The one thing to know: a StructureDefinition that has a
snapshot loses its differential, which says nothing more.
"""

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_TEXTS = frozenset((
    "text", "meta", "contact", "publisher", "description", "purpose", "copyright", "date", "useContext", "jurisdiction",
    "mapping", "keyword", "identifier",
))  # fmt: skip
_ELEMENT_TEXTS = frozenset((
    "short", "definition", "comment", "requirements", "alias", "mapping", "example", "isModifierReason",
    "meaningWhenMissing", "orderMeaning", "label", "code", "isSummary",
))  # fmt: skip
_CONSTRAINT = frozenset(("extension", "key", "severity", "suppress", "expression", "human", "source"))
_PUBLISHING = re.compile(
    r"/(structuredefinition-(wg|fmm|standards-status|category|security-category|normative-version|summary"
    r"|explicit-type-name|display-hint|hierarchy)|elementdefinition-(bindingName|isCommonBinding|translatable)"
    r"|summary|profile-summary|binding-definition|definition|no-binding)$"
)
"""Extensions about how a definition is published or drawn."""


def lean(resource: Mapping[str, Any]) -> Json:
    """The resource without its texts: a StructureDefinition as above, any other without its narrative only."""
    if resource["resourceType"] != "StructureDefinition":
        return {name: value for name, value in resource.items() if name != "text"}
    kept = _without_publishing({name: value for name, value in resource.items() if name not in _TEXTS})
    kind = "snapshot" if resource.get("snapshot") else "differential"
    kept.pop("differential", None)
    kept.pop("snapshot", None)
    if kind in resource:
        kept[kind] = {"element": [_element(element) for element in resource[kind].get("element", ())]}
    return kept


def _element(source: Mapping[str, Any]) -> Json:
    kept = _without_publishing({k: v for k, v in source.items() if k.lstrip("_") not in _ELEMENT_TEXTS})
    if "constraint" in kept:
        kept["constraint"] = [{k: v for k, v in c.items() if k in _CONSTRAINT} for c in kept["constraint"]]
    if "binding" in kept:
        kept["binding"] = _without_publishing({k: v for k, v in kept["binding"].items() if k != "description"})
    if "slicing" in kept:
        kept["slicing"] = {k: v for k, v in kept["slicing"].items() if k != "description"}
    for flag in ("isModifier", "mustSupport"):
        if kept.get(flag) is False:
            del kept[flag]
    return kept


def _without_publishing(source: Json) -> Json:
    if "extension" not in source:
        return source
    extensions = [x for x in source["extension"] if not _PUBLISHING.search(x.get("url", ""))]
    rest = {k: v for k, v in source.items() if k != "extension"}
    return rest | {"extension": extensions} if extensions else rest
