"""LOINC at work: its filters and implicit value sets, https://hl7.org/fhir/R4/loinc.html.

The one thing to know: values of properties are compared without regard to case, as LOINC has it, but looked for as they
are written first.
"""

import re

from pyroaring import BitMap

from suture.terminology.content.kinds import Kind
from suture.terminology.content.provider import StoredSystem
from suture.terminology.content.selection import listed
from suture.terminology.systems import Json

URL = "http://loinc.org"

COPYRIGHT = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief Institute, Inc. "
    "and the LOINC Committee and is available at no cost under the license at http://loinc.org/license. LOINC® is a "
    "registered United States trademark of Regenstrief Institute, Inc."
)
"""The notice that the terms of use want on every value set with codes of LOINC."""

LISTED = "answer-list"
"""The property that names the answer lists of a term."""

_IMPLICIT = re.compile(r"http://loinc\.org/vs/(L[LPG][0-9-]+)", re.IGNORECASE)


class LoincSystem(StoredSystem):
    """One version."""

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives, with `ancestor`, `descendant`, `LIST` and `answers-for`."""
        if op in ("=", "in"):
            match property:
                case "ancestor":
                    return await self._united([await self.descendants(await self.number(v)) for v in listed(value, op)])
                case "descendant":
                    hierarchy = await self.hierarchy()
                    return await self._united([hierarchy.ancestors(await self.number(v)) for v in listed(value, op)])
                case "LIST":
                    return await self._united([await self._answers(name) for name in listed(value, op)])
                case "answers-for":
                    found: list[BitMap] = []
                    for code in listed(value, op):
                        concept = await self.concept(code)
                        lists = [one.value for one in (concept.properties if concept else ()) if one.code == LISTED]
                        found += [await self._answers(name) for name in lists]
                    return await self._united(found)
                case _:
                    pass
        exactly = await super().selected(property, op, value)
        if exactly or op not in ("=", "in") or property not in {declared.code for declared in self.head.properties}:
            return exactly
        forms = "|".join(re.escape(each) for each in listed(value, op))
        return await super().selected(property, "regex", f"(?i)(?:{forms})")

    async def _united(self, sets: list[BitMap]) -> BitMap:
        return BitMap.union(*sets) if sets else BitMap()

    async def _answers(self, name: str) -> BitMap:
        return await self.kept.set(self.cs, Kind.VALUE_SET, f"{URL}/vs/{name}") or BitMap()

    async def implicit(self, url: str) -> Json | None:
        """All of LOINC, an answer list (`/vs/LL…`), a group (`/vs/LG…`) or what a part has below it (`/vs/LP…`)."""
        match = _IMPLICIT.fullmatch(url)
        if match is None:
            return await super().implicit(url)
        code = match[1].upper()
        concept = await self.concept(code)
        if code.startswith("LP"):
            property = "ancestor"
            if concept is None:
                return None
        else:
            property = "LIST"
            if await self.kept.set(self.cs, Kind.VALUE_SET, f"{URL}/vs/{code}") is None:
                return None
        chosen_filter = {"property": property, "op": "=", "value": code}
        return {
            "resourceType": "ValueSet",
            "url": url,
            "version": self.head.version,
            "name": f"LOINC_{code}".replace("-", "_"),
            "title": concept.display if concept is not None else f"LOINC group {code}",
            "status": "active",
            "copyright": COPYRIGHT,
            "compose": {"include": [{"system": URL, "version": self.head.version, "filter": [chosen_filter]}]},
        }
