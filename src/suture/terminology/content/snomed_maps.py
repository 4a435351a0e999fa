"""The concept maps that SNOMED CT defines by URL: its association and map reference sets.

Specification: https://hl7.org/fhir/R4/snomedct.html#implicit-cm (`http://snomed.info/sct?fhir_cm=REFSET`). The one
thing to know: a reference set may have hundreds of thousands of rows, so a map is never made as a whole, only for the
code that is asked for.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from suture.terminology.content.kinds import Kind
from suture.terminology.content.relations import TARGET, members_with
from suture.terminology.systems import ImplicitMap, Json

if TYPE_CHECKING:
    from suture.terminology.content.snomed import SnomedSystem

URL = "http://snomed.info/sct"
COMPONENT = "referencedComponentId"
MAP_TARGET = "mapTarget"

COPYRIGHT = (
    "This value set includes content from SNOMED CT, which is copyright © 2002+ International Health Terminology "
    "Standards Development Organisation (SNOMED International), and distributed by agreement between SNOMED "
    "International and HL7. Implementer use of SNOMED CT is not covered by this agreement"
)
"""The notice that the specification wants on what is defined by URL."""

_NAMED = re.compile(r"(http://snomed\.info/sct(?:/\d{6,18}(?:/version/\d{8})?)?)\?fhir_cm=(\d{6,18})")

ASSOCIATIONS = {
    "900000000000523009": "inexact",  # possibly equivalent to
    "900000000000526001": "equivalent",  # replaced by
    "900000000000527005": "equal",  # same as
    "900000000000528000": "wider",  # was a
    "900000000000530003": "inexact",  # alternative
    "1186921001": "inexact",  # possibly replaced by
    "1186924009": "inexact",  # partially equivalent to
}
"""Association reference sets -> how the target stands to the source, in the words of R4."""

SYSTEMS = {
    "446608001": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "447562003": "http://hl7.org/fhir/sid/icd-10",
    "450993002": "http://hl7.org/fhir/sid/icpc-2",
    "6011000124106": "http://hl7.org/fhir/sid/icd-10-cm",
    "900000000000497000": "http://read.info/ctv3",
    "999002271000000101": "http://hl7.org/fhir/sid/icd-10",
}
"""Map reference sets -> the code system of their targets."""

CORRELATIONS = {
    "447556008": "unmatched",
    "447557004": "equivalent",
    "447558009": "narrower",
    "447559001": "wider",
    "447560006": "inexact",
}
"""Correlations of complex maps -> how the target stands to the source; any other says nothing."""


async def implicit_map(system: "SnomedSystem", url: str) -> ImplicitMap | None:
    """The map that this version of SNOMED CT defines by a URL."""
    match = _NAMED.fullmatch(url)
    if match is None or not system.answers_to(match[1]):
        return None
    refset = await system.concept(match[2])
    if refset is None:
        return None
    columns = await system.columns(refset.number)
    finder = _Associations if TARGET in columns else _Maps if MAP_TARGET in columns else None
    if finder is None:
        return None
    resource: Json = {
        "resourceType": "ConceptMap",
        "url": url,
        "version": system.head.version,
        "name": f"SNOMED_CT_{refset.code}",
        "title": f"SNOMED CT: {refset.display}",
        "status": "active",
        "copyright": COPYRIGHT,
        "sourceUri": f"{match[1]}?fhir_vs",
    }
    if finder is _Associations:
        resource["targetUri"] = f"{match[1]}?fhir_vs"
    return ImplicitMap(resource, finder(system, refset.number, refset.code).groups)


class _Associations:
    """From concepts to the concepts that an association reference set names for them."""

    def __init__(self, system: "SnomedSystem", number: int, refset: str) -> None:
        self._system = system
        self._number = number
        self._equivalence = ASSOCIATIONS.get(refset, "relatedto")

    async def groups(self, code: str, reverse: bool) -> Sequence[Json]:
        """The mappings of one code."""
        near = (await self._system.numbers([code])).get(code)
        rows = await self._system.associations(self._number)
        here, there = (rows.targets, rows.sources) if reverse else (rows.sources, rows.targets)
        ends = dict.fromkeys(other for one, other in zip(here, there, strict=True) if one == near)
        elements: list[Json] = []
        concepts = await self._system.concepts([number for number in (near, *ends) if number is not None])
        own, *others = [{"code": one.code, "display": one.display} for one in concepts] or [{}]
        for other in others:
            source, target = (other, own) if reverse else (own, other)
            elements.append(source | {"target": [target | {"equivalence": self._equivalence}]})
        return [{"source": URL, "target": URL, "element": elements}]


class _Maps:
    """From concepts to the codes of another code system that a map reference set names for them."""

    def __init__(self, system: "SnomedSystem", number: int, refset: str) -> None:
        self._system = system
        self._number = number
        self._target = SYSTEMS.get(refset, "")

    async def groups(self, code: str, reverse: bool) -> Sequence[Json]:
        """The mappings of one code, in the order of their groups and priorities."""
        parts = await self._system.kept.rows.blocks(self._system.cs, Kind.ROWS, self._number)
        rows = await asyncio.to_thread(_rows_with, parts, code, MAP_TARGET if reverse else COMPONENT)
        rows.sort(key=lambda row: (_count(row, "mapGroup"), _count(row, "mapPriority")))
        elements = [{"code": row[COMPONENT], "target": [_mapped(row)]} for row in rows]
        group: Json = {"source": URL, "element": elements}
        return [group | {"target": self._target}] if self._target else [group]


def _rows_with(parts: Sequence[bytes], code: str, column: str) -> list[dict[str, str]]:
    """The active rows with a code in a column, by the names of their columns."""
    found: list[dict[str, str]] = []
    for members in filter(None, (members_with(part, code) for part in parts)):
        for row in members.rows:
            cells = dict(zip(members.names, row.fields, strict=False)) | {COMPONENT: row.component}
            if row.active and cells[column] == code:
                found.append(cells)
    return found


def _mapped(row: dict[str, str]) -> Json:
    equivalence = CORRELATIONS.get(row.get("correlationId", ""), "relatedto")
    if not row[MAP_TARGET]:
        return {"equivalence": "unmatched"}
    found: Json = {"code": row[MAP_TARGET], "equivalence": equivalence}
    return found | {"comment": row["mapAdvice"]} if row.get("mapAdvice") else found


def _count(row: dict[str, str], column: str) -> int:
    text = row.get(column, "")
    return int(text) if text.isdigit() else 0
