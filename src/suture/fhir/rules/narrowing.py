"""What a profile may not do to its base beyond cardinalities and types, element by element.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#interpretation (what a profile may change) and
https://hl7.org/fhir/R4/profiling.html#references. A profile gives no new meaning to what is missing, and names only
targets that its base allows, or profiles that derive from them.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, listed, numbered, text, texts

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_INHERITS = "http://hl7.org/fhir/StructureDefinition/inherit-obligations"
_OBLIGES = (
    "http://hl7.org/fhir/StructureDefinition/obligation-profile",
    "http://hl7.org/fhir/StructureDefinition/obligation-profile-flag",
)
_MEETS = (
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile",
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-compliesWithProfile",
)
_LONGEST_CHAIN = 30


def meaning_of_absence(seen: Seen) -> Iterable[Issue]:
    """A profile says nothing of what a missing element means: only the definition of a type may."""
    if text(seen.value, "derivation") != "constraint":
        return
    for number, element in numbered(seen.value.get("differential"), "element"):
        for name in ("meaningWhenMissing", "defaultValue"):
            if text(element, name) or choice(element, name)[0]:
                path = text(element, "path")
                yield seen.error(
                    "business-rule", f"A profile cannot give {path[:200]} a {name}.", f"differential.element[{number}]"
                )


def targets(seen: Seen) -> Iterable[Issue]:
    """Each target profile is one that the base allows, or derives from one."""
    for number, element, theirs in _changed(seen):
        allowed = {url for type in listed(theirs, "type") for url in texts(type, "targetProfile")}
        if not allowed:
            continue
        for position, type in numbered(element, "type"):
            for index, url in enumerate(texts(type, "targetProfile")):
                if _derives(seen, url, allowed) is False:
                    yield seen.error(
                        "business-rule",
                        f"{shown(url)} is not one of the targets that the base allows, and does not derive from one: "
                        f"{', '.join(sorted(allowed))[:400]}.",
                        f"differential.element[{number}].type[{position}].targetProfile[{index}]",
                    )


def inherited_obligations(seen: Seen) -> Iterable[Issue]:
    """Obligations are inherited from profiles that are made for it, on the same base."""
    for number, extension in numbered(seen.value, "extension"):
        url = text(extension, "valueCanonical")
        found = seen.scene.canonicals.find("StructureDefinition", url) if url else None
        if extension.get("url") != _INHERITS or found is None:
            continue
        where = f"extension[{number}]"
        if not any(
            one.get("url") in _OBLIGES and one.get("valueBoolean") is True for one in listed(found, "extension")
        ):
            yield seen.error("business-rule", f"{shown(url)} is not marked as an obligation profile.", where)
        mine, theirs = text(seen.value, "baseDefinition"), text(found, "baseDefinition")
        if mine.partition("|")[0] != theirs.partition("|")[0]:
            yield seen.error("business-rule", f"The base of {shown(url)} is {shown(theirs)}, not {shown(mine)}.", where)


def _changed(seen: Seen) -> Iterator[tuple[int, Json, Json]]:
    """(place, element of the differential, the same element of the base) as far as the base tells."""
    if text(seen.value, "derivation") != "constraint":
        return
    base = text(seen.value, "baseDefinition")
    found = seen.scene.canonicals.find("StructureDefinition", base) if base else None
    elements = listed((found or {}).get("snapshot"), "element") or listed((found or {}).get("differential"), "element")
    if found is None or not elements:
        return
    known = {text(element, "id") or text(element, "path"): element for element in reversed(elements)}
    for number, element in numbered(seen.value.get("differential"), "element"):
        yield number, element, known.get(text(element, "id") or text(element, "path"), {})


def _derives(seen: Seen, url: str, allowed: set[str]) -> bool | None:
    """Whether what meets a profile meets an allowed one as well; None where that is not known.

    A profile derives from its base; it may also impose another one, or say that it complies with it.
    """
    plain = {one.partition("|")[0] for one in allowed}
    known = True
    ahead, met = [url.partition("|")[0]], set[str]()
    while ahead:
        url = ahead.pop()
        if url in plain or _CORE + "Resource" in plain:
            return True
        if url in met or len(met) > _LONGEST_CHAIN:
            continue
        met.add(url)
        found = seen.scene.canonicals.find("StructureDefinition", url)
        known = known and found is not None
        more = [text(found, "baseDefinition")]
        more += [text(one, "valueCanonical") for one in listed(found, "extension") if one.get("url") in _MEETS]
        ahead += [other.partition("|")[0] for other in more if other]
    return False if known else None
