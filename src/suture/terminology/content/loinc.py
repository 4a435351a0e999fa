"""LOINC at work: its filters and implicit value sets, https://hl7.org/fhir/R4/loinc.html."""

import re

from pyroaring import BitMap

from suture.terminology.content.kinds import Kind
from suture.terminology.content.provider import StoredSystem
from suture.terminology.content.selection import listed
from suture.terminology.systems import Json

URL = "http://loinc.org"

LISTED = "answer-list"
"""The property that names the answer lists of a term."""

_IMPLICIT = re.compile(r"http://loinc\.org/vs/(L[LP][0-9-]+)")


class LoincSystem(StoredSystem):
    """One version."""

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives, with `ancestor`, `LIST` and `answers-for`."""
        if op in ("=", "in"):
            match property:
                case "ancestor":
                    return await self._united([await self.descendants(await self.number(v)) for v in listed(value, op)])
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
        return await super().selected(property, op, value)

    async def _united(self, sets: list[BitMap]) -> BitMap:
        return BitMap.union(*sets) if sets else BitMap()

    async def _answers(self, name: str) -> BitMap:
        return await self.kept.set(self.cs, Kind.VALUE_SET, f"{URL}/vs/{name}") or BitMap()

    async def implicit(self, url: str) -> Json | None:
        """All of LOINC, an answer list (`/vs/LL…`) or what a part has below it (`/vs/LP…`)."""
        match = _IMPLICIT.fullmatch(url)
        if match is None:
            return await super().implicit(url)
        concept = await self.concept(match[1])
        if concept is None:
            return None
        chosen = ("LIST", "=") if concept.code.startswith("LL") else ("ancestor", "=")
        chosen_filter = {"property": chosen[0], "op": chosen[1], "value": concept.code}
        return {
            "resourceType": "ValueSet",
            "url": url,
            "version": self.head.version,
            "name": f"LOINC_{concept.code}".replace("-", "_"),
            "title": concept.display,
            "status": "active",
            "compose": {"include": [{"system": URL, "version": self.head.version, "filter": [chosen_filter]}]},
        }
