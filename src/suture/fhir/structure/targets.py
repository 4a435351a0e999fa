"""What a Reference may lead to: the type that it names, wherever that stands, must be one that the element allows.

Specification: https://hl7.org/fhir/R4/references.html#Reference. The type comes from a relative or absolute literal
reference, from a conditional reference (`Patient?identifier=…`), from the contained resource that `#id` names, and
from `Reference.type`. A `urn:` names none.
"""

import re
from collections.abc import Mapping
from typing import Any

from suture.fhir.primitives import shown

Targets = frozenset[str] | None
"""The resource types that are allowed; None for any."""

Contained = Mapping[str, str]
"""Contained resources by id: their type. The key "" is the resource itself, which `#` names."""

_ID = r"[A-Za-z0-9.\-]{1,64}"
LITERAL = re.compile(rf"([A-Z][A-Za-z]*)(?:/{_ID}(?:/_history/{_ID})?|\?\S+)").fullmatch
"""Matches a relative or conditional reference; group 1 is the type that it names."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match
_TAIL = re.compile(rf"https?://\S+/([A-Z][A-Za-z]*)/{_ID}(?:/_history/{_ID})?").fullmatch
_PREFIX = "http://hl7.org/fhir/StructureDefinition/"


def reference_complaint(
    reference: Mapping[str, Any], targets: Targets, known: frozenset[str], contained: Contained
) -> str | None:
    """Why a Reference (whose members have the right form) is refused; None when it is fine.

    `known`: all resource types of the version. `contained`: what `#id` may name.
    """
    text = reference.get("reference")
    named = ""
    if isinstance(text, str):
        complaint, named = _type_of(text, known, contained)
        if complaint:
            return complaint
        if named and targets is not None and named not in targets:
            return f"{shown(text)} leads to a {named}; {_allowed(targets)} is allowed here."
    stated = reference.get("type")
    if isinstance(stated, str):
        stated = stated.removeprefix(_PREFIX)
        if stated in known:
            if targets is not None and stated not in targets:
                return f"The type {stated} is not allowed here; {_allowed(targets)} is."
            if named and named != stated:
                return f"The type says {stated}, but {shown(text)} leads to a {named}."
    return None


def _type_of(text: str, known: frozenset[str], contained: Contained) -> tuple[str, str]:
    """(complaint, type): one of them may be ""."""
    if text.startswith("#"):
        found = contained.get(text[1:])
        if found is None:
            return f"{shown(text)} leads nowhere: there is no contained resource with this id.", ""
        return "", found
    literal = LITERAL(text)
    if literal:
        named = literal[1]
        if named in known:
            return "", named
        return f"{shown(text)} does not start with a resource type of this FHIR version ('{named[:40]}').", ""
    if _ABSOLUTE(text):
        tail = _TAIL(text)
        return "", tail[1] if tail and tail[1] in known else ""
    return (
        f"{shown(text)} is not a reference: 'Type/id', an absolute URL, 'urn:uuid:…', '#id' or 'Type?search' is "
        "expected.",
        "",
    )


def _allowed(targets: frozenset[str]) -> str:
    names = sorted(targets)
    if len(names) > 12:
        return f"one of {len(names)} types ({', '.join(names[:6])} …)"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
