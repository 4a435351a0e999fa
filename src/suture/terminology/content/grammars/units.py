"""UCUM units, http://unitsofmeasure.org: https://hl7.org/fhir/R4/ucum.html.

A filter `canonical = mg/L` asks for the units that measure the same, whatever their size, and so does the value set
`http://unitsofmeasure.org/vs/mg/L`; a filter `property = length` for those that measure what a base unit measures.
"""

from urllib.parse import unquote

from suture.fhir.ucum import canonical, is_unit
from suture.terminology.content.grammars.grammar import Grammar
from suture.terminology.refusals import shown
from suture.terminology.systems import Concept, Declared, Head, Json

SAME = ("canonical", "comparable")
"""The filter by its name, and as the definition of the value sets calls it."""

MEASURED = {
    "length": "m", "time": "s", "mass": "g", "plane angle": "rad", "temperature": "K", "electric charge": "C",
    "luminous intensity": "cd",
}  # fmt: skip
"""What each base unit measures, as UCUM's table of base units names it."""


class Units(Grammar):
    """UCUM, whose codes are shown as they are."""

    def __init__(self) -> None:
        super().__init__(
            Head(
                "http://unitsofmeasure.org", "2.2", "UCUM", "Unified Code for Units of Measure (UCUM)",
                value_set="http://unitsofmeasure.org/vs",
                properties=(Declared("canonical", "code"), Declared("property")),
                filters={**dict.fromkeys(SAME, ("=", "in")), "property": ("=", "in")},
            )
        )  # fmt: skip

    def named(self, code: str) -> str | None:
        """The unit itself."""
        return code if is_unit(code) else None

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """Whether a unit measures what another one, or a base unit, measures."""
        if property not in (*SAME, "property") or op not in ("=", "in"):
            return await super().satisfies(concept, property, op, value)
        named = [value] if op == "=" else [each.strip() for each in value.split(",")]
        units = [MEASURED.get(each, "") for each in named] if property == "property" else named
        own = canonical(concept.code)
        return own is not None and own.dimension in {one.dimension for one in map(canonical, units) if one is not None}

    async def implicit(self, url: str) -> Json | None:
        """The value set of all units, or of those that measure the same as one."""
        whole = self.head.value_set
        if not url.startswith(f"{whole}/"):
            return await super().implicit(url)
        unit = unquote(url.removeprefix(f"{whole}/"))
        if canonical(unit) is None:
            return None
        chosen = {"property": "canonical", "op": "=", "value": unit}
        return {
            "resourceType": "ValueSet",
            "url": url,
            "name": "UCUM_comparable",
            "title": f"Units that measure the same as {shown(unit)}",
            "status": "active",
            "compose": {"include": [{"system": self.head.url, "filter": [chosen]}]},
        }
