"""$find-matches: the codes of a code system that have given properties.

Specification: https://hl7.org/fhir/R4/codesystem-operation-find-matches.html. The one thing to know: for a program
(`exact`) a code has all properties; for a person, where no code has them all, those are shown that have most of them,
with what they lack. Codes are never composed.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from pyroaring import BitMap

from suture.fhir.outcomes import Invalid
from suture.terminology.desk import Question
from suture.terminology.lookup import ROLE_GROUP, provider_for, unknown_system
from suture.terminology.refusals import too_large, unsupported
from suture.terminology.systems import Json, Provider

MAX_MATCHES = 1000
"""Codes that a program is given."""

MAX_SHOWN = 100
"""Codes that a person is shown."""

MAX_PROPERTIES = 50
"""Properties of one call, subproperties among them."""

_TEXTS = ("display", "designation")


class Sought(msgspec.Struct, frozen=True):
    """A property that a code is to have. `parts`: subproperties, in place of a value. `given`: as it was sent."""

    code: str
    value: str
    given: Json
    parts: "tuple[Sought, ...]" = ()


def sought(sent: Any, *, nested: bool = False) -> Sought:
    """A property as it is sent: a list of the parts `code`, `value` and `subproperty`. Raises Invalid.

    `nested`: it is a subproperty, which has none itself.
    """
    code, value, given, inner = "", "", dict[str, Any](), list[Sought]()
    for part in cast("list[Any]", sent) if isinstance(sent, list) else ():
        one = cast(Json, part) if isinstance(part, dict) else dict[str, Any]()
        match one.get("name"):
            case "code":
                code = str(one.get("valueCode") or one.get("valueString") or "")
            case "value":
                given = {key: each for key, each in one.items() if key.startswith("value")}
                value = _text(next(iter(given.values()), ""))
            case "subproperty" if not nested:
                inner.append(sought(one.get("part"), nested=True))
            case _:
                pass
    if not code or not (value or inner):
        raise Invalid("Each 'property' of $find-matches has a 'code', and a 'value' or 'subproperty'.")
    return Sought(code, value, given, tuple(inner))


async def find_matches(
    question: Question, system: str, version: str, properties: Sequence[Sought], *, exact: bool
) -> Json:
    """The Parameters with a `match` for each code that was found. Raises Refused, Invalid, TooCostly."""
    if sum(1 + len(one.parts) for one in properties) > MAX_PROPERTIES:
        raise too_large("The question has too many properties", MAX_PROPERTIES)
    provider = await provider_for(question, system, version)
    if provider is None:
        raise await unknown_system(question, system, version)
    if not provider.enumerable:
        raise unsupported(f"The codes of {system} cannot be listed, so they cannot be searched.")
    sets = [await _having(provider, one, exact=exact) for one in properties]
    found = BitMap.intersection(*sets)
    if exact and len(found) > MAX_MATCHES:
        raise too_large("Too many codes have these properties", MAX_MATCHES)
    if not found and not exact:
        found = _nearest(sets)
    concepts = await provider.concepts(list(found[: MAX_MATCHES if exact else MAX_SHOWN]))
    matches: list[Json] = []
    for concept in concepts:
        coding = {"system": provider.head.url, "version": provider.head.version, "code": concept.code}
        coding = {name: text for name, text in (coding | {"display": concept.display}).items() if text}
        parts: list[Json] = [{"name": "code", "valueCoding": coding}]
        lacking = [one for one, having in zip(properties, sets, strict=True) if concept.number not in having]
        parts += [_unmatched(one) for one in lacking]
        if lacking:
            parts.append({"name": "comment", "valueString": f"{len(lacking)} of {len(properties)} properties differ"})
        matches.append({"name": "match", "part": parts})
    return {"resourceType": "Parameters", **({"parameter": matches} if matches else {})}


async def _having(provider: Provider, one: Sought, *, exact: bool) -> BitMap:
    """The concepts that have a property. Of a person's text every word may be the beginning of one."""
    if one.parts:
        if one.code != ROLE_GROUP:
            raise unsupported(f"The property {one.code[:60]} has no subproperties here.")
        members = ", ".join(f"{_concept(each.code)} = {_concept(each.value)}" for each in one.parts)
        return await provider.filter("constraint", "=", f"* : {{ {members} }}")
    if one.code in _TEXTS and not exact:
        return await provider.search(one.value)
    return await provider.filter(one.code, "=", one.value)


def _concept(code: str) -> str:
    """An identifier of SNOMED CT, which alone may stand in a constraint. Raises Invalid."""
    if not (code.isascii() and code.isdigit() and 6 <= len(code) <= 18):
        raise Invalid(f"A subproperty of SNOMED CT is a concept with a concept as value, not '{code[:60]}'.")
    return code


def _nearest(sets: Sequence[BitMap]) -> BitMap:
    """The concepts that are in most of the sets, if they are in any."""
    levels: list[BitMap] = []
    for one in sets:
        carried = one
        for number, level in enumerate(levels):
            levels[number], carried = level | carried, level & carried
        levels.append(carried)
    return next((level for level in reversed(levels) if level), BitMap())


def _unmatched(one: Sought) -> Json:
    parts: list[Json] = [{"name": "code", "valueCode": one.code}]
    if one.given:
        parts.append({"name": "value", **one.given})
    return {"name": "unmatched", "part": parts}


def _text(value: Any) -> str:
    """A value as filters know it."""
    if isinstance(value, dict):
        return str(cast(Json, value).get("code", ""))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
