"""Where an extension may stand: the contexts of its definition, compared with the element that holds it.

Specification: https://hl7.org/fhir/R4/defining-extensions.html#context. A context of type `element` is a path in a
resource or data type, or the name of a type or of one of its ancestors; of type `extension` the URL of the extension
around it; of type `fhirpath` an expression whose results are the elements that may have it. Invariants of the
context must hold on the holder.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from suture.fhir.definitions import Definitions, load
from suture.fhir.rules.element_paths import place
from suture.fhir.rules.expressions import holds, is_among
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, extension_value, listed, text, texts
from suture.fhir.versions import Version

_VERSION_RANGE = "http://hl7.org/fhir/StructureDefinition/version-specific-use"
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_INDEX = re.compile(r"\[[0-9]+\]")


def allowed_here(seen: Seen, definition: Json, holder: Seen) -> bool:
    """Whether the extension `seen` may stand on `holder`. What cannot be decided counts as allowed."""
    number = seen.scene.definitions.version.number
    contexts = [context for context in listed(definition, "context") if in_version(context, number)]
    if listed(definition, "context") and not any(_fits(context, seen, holder) for context in contexts):
        return False
    return all(holds(holder, invariant, seen) is not False for invariant in texts(definition, "contextInvariant"))


def in_version(value: Json, number: str) -> bool:
    """Whether an element that may be limited to some FHIR versions is meant for version `number` (`4.0.1`)."""
    for limits in (extension for extension in listed(value, "extension") if extension.get("url") == _VERSION_RANGE):
        first, last = extension_value(limits, "startFhirVersion"), extension_value(limits, "endFhirVersion")
        if isinstance(first, str) and _parts(number)[: len(_parts(first))] < _parts(first):
            return False
        if isinstance(last, str) and _parts(number)[: len(_parts(last))] > _parts(last):
            return False
    return True


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())


def _fits(context: Json, seen: Seen, holder: Seen) -> bool:
    kind, expression = text(context, "type"), text(context, "expression")
    if kind == "fhirpath":
        return is_among(holder, expression) is not False
    if kind == "extension":
        return _names_extension(expression, holder)
    if kind != "element":
        return True
    if "#" in expression:
        url, _, expression = expression.partition("#")
        if not url.startswith(_CORE):
            # An element of a profile: whether the profile applies here is not known.
            return True
    elif expression.startswith(_CORE):
        expression = expression.removeprefix(_CORE)
    elif ":" in expression.split(".")[0]:
        return True
    return expression in _names(holder)


def _names_extension(expression: str, holder: Seen) -> bool:
    """Whether the holder is an extension, or the value of one, with this URL (`url#part` for a part of one)."""
    inner = holder if holder.type == "Extension" or holder.parent is None else holder.parent
    url, _, part = expression.partition("#")
    if part:
        outer = inner.parent
        return text(inner.value, "url") == part and outer is not None and text(outer.value, "url") == url
    return inner.type == "Extension" and text(inner.value, "url") == url


def _names(holder: Seen) -> frozenset[str]:
    """Every expression of type `element` that means the holder."""
    resource = holder.resource
    inside = _INDEX.sub("", holder.path[len(resource.path) :])
    canonical = holder is resource and "url" in resource.value
    version = holder.scene.definitions.version
    return _all_names(version, holder.type, holder.element, resource.type, inside, canonical=canonical)


@lru_cache(maxsize=5000)
def _all_names(
    version: Version, type: str, element: str, resource: str, inside: str, *, canonical: bool
) -> frozenset[str]:
    definitions = load(version)
    # Definitions of R4 say Element where they mean anything, resources included.
    names = {"Element", *_ancestry(definitions, type)}
    if not inside:
        return frozenset(names | {"CanonicalResource", "MetadataResource"} if canonical else names)
    names.update(_spellings(element, type, choice=element.endswith("[x]")))
    for ancestor in _ancestry(definitions, resource):
        names.update(_spellings(ancestor + inside, type, choice=element.endswith("[x]")))
    names.update(_repeated(definitions, element))
    return frozenset(names)


def _repeated(definitions: Definitions, path: str) -> Iterator[str]:
    """The path of the element whose content this one repeats (`Questionnaire.item` for `Questionnaire.item.item`)."""
    found = place(definitions, path) if path.partition(".")[0] in definitions.structures else None
    if found is not None and found.element is not None and found.element.content_reference:
        yield found.element.content_reference


def _spellings(path: str, type: str, *, choice: bool) -> Iterator[str]:
    plain = path.replace("[x]", "")
    yield path
    yield plain
    if choice:
        yield plain + "[x]"
        yield plain + type[:1].upper() + type[1:]


def _ancestry(definitions: Definitions, type: str) -> Iterator[str]:
    structures = definitions.structures
    while type in structures:
        yield type
        type = structures[type].base
