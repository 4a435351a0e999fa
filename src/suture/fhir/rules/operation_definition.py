"""OperationDefinition: its parameters agree with the profiles on Parameters that it names for input and output.

Specification: https://hl7.org/fhir/R4/operationdefinition.html (inputProfile, outputProfile). In such a profile, each
slice of Parameters.parameter whose name is fixed describes one parameter.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, extensions, listed, numbered, text, texts

_ALLOWED_TYPE = "http://hl7.org/fhir/StructureDefinition/operationdefinition-allowed-type"


def parameters_agree_with_profiles(seen: Seen) -> Iterable[Issue]:
    """Cardinalities, types and target profiles are the same in both."""
    for use, name in (("in", "inputProfile"), ("out", "outputProfile")):
        url = text(seen.value, name)
        profile = seen.scene.canonicals.find("StructureDefinition", url) if url else None
        if profile is None:
            continue
        sliced = dict(_slices(profile))
        own = {
            text(item, "name"): (number, item)
            for number, item in numbered(seen.value, "parameter")
            if item.get("use") == use
        }
        for parameter in sliced.keys() - own.keys():
            yield seen.warning(
                "business-rule", f"The profile has a parameter {shown(parameter)} that is not here.", name
            )
        for parameter, (number, item) in own.items():
            place = f"{name}.parameter[{number}]"
            if parameter not in sliced:
                yield seen.warning("business-rule", f"The profile has no parameter {shown(parameter)}.", place)
            else:
                yield from _compared(seen, parameter, item, sliced[parameter], place)


def _slices(profile: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """(name of the parameter, elements of its slice by their last names; "" for the slice itself)."""
    elements = listed(profile.get("snapshot"), "element") or listed(profile.get("differential"), "element")
    slices: dict[str, dict[str, Json]] = {}
    for element in elements:
        id = text(element, "id")
        if id.startswith("Parameters.parameter:"):
            name, _, rest = id.removeprefix("Parameters.parameter:").partition(".")
            slices.setdefault(name, {})[rest] = element
    for parts in slices.values():
        named = text(parts.get("name"), "fixedString") or text(parts.get("name"), "patternString")
        if named:
            yield named, parts


def _compared(seen: Seen, name: str, item: Json, parts: dict[str, Json], place: str) -> Iterator[Issue]:
    outer = parts.get("", {})
    for limit in ("min", "max"):
        mine, theirs = item.get(limit), outer.get(limit)
        if theirs is not None and mine is not None and str(mine) != str(theirs):
            yield seen.error(
                "business-rule",
                f"The parameter {shown(name)} has {limit} {mine}; in the profile it is {theirs}.",
                place,
            )
    wanted, targets = _types(item)
    allowed, profiles = _types_of_element(parts.get("value[x]", {}), parts.get("resource", {}))
    if not allowed:
        return
    for type in sorted(wanted - allowed):
        yield seen.error(
            "business-rule", f"The parameter {shown(name)} may be a {type}, which the profile does not allow.", place
        )
    for type in sorted(allowed - wanted if wanted else ()):
        yield seen.error(
            "business-rule",
            f"The profile allows a {type} for the parameter {shown(name)}, which may not be one.",
            place,
        )
    # One of several types cannot say which of them its target profiles are for.
    for target in sorted(targets ^ profiles if len(wanted) < 2 else targets - profiles):
        where = "the profile" if target in targets else "the definition"
        yield seen.error(
            "business-rule", f"The target profile {target[:200]} of {shown(name)} is missing in {where}.", place
        )


def _types(item: Json) -> tuple[set[str], set[str]]:
    """(types, target profiles) of a parameter; one of several types lists them beside its type (`Element`)."""
    type = text(item, "type")
    stated = [text(item, name) for item in extensions(item, _ALLOWED_TYPE) for name in ("valueUri", "valueCode")]
    several = {name for name in (*stated, *texts(item, "allowedType")) if name}
    return several or ({type} if type else set()), set(texts(item, "targetProfile"))


def _types_of_element(value: Json, resource: Json) -> tuple[set[str], set[str]]:
    types: set[str] = set()
    profiles: set[str] = set()
    for type in (*listed(value, "type"), *listed(resource, "type")):
        types.add(text(type, "code"))
        profiles.update(texts(type, "targetProfile"))
    return types, profiles


def in_place(seen: Seen) -> Iterable[Issue]:
    """Where the operation can be called agrees with what it says of resources."""
    if (seen.value.get("type") is True or seen.value.get("instance") is True) and not texts(seen.value, "resource"):
        yield seen.warning("business-rule", "An operation on types or instances names the resource types.")
