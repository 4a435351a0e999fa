"""UCUM units, http://unitsofmeasure.org: https://hl7.org/fhir/R4/ucum.html.

A filter `canonical = mg/L` asks for the units that measure the same, whatever their size.
"""

from suture.fhir.ucum import canonical, is_unit
from suture.terminology.content.grammars.grammar import Grammar
from suture.terminology.systems import Concept, Declared, Head


class Units(Grammar):
    """UCUM, whose codes are shown as they are."""

    def __init__(self) -> None:
        super().__init__(
            Head(
                "http://unitsofmeasure.org", "2.2", "UCUM", "Unified Code for Units of Measure (UCUM)",
                value_set="http://unitsofmeasure.org/vs", properties=(Declared("canonical", "code"),),
                filters={"canonical": ("=",)},
            )
        )  # fmt: skip

    def named(self, code: str) -> str | None:
        """The unit itself."""
        return code if is_unit(code) else None

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """Whether a unit measures what another one measures."""
        if property != "canonical" or op != "=":
            return await super().satisfies(concept, property, op, value)
        wanted, own = canonical(value), canonical(concept.code)
        return wanted is not None and own is not None and wanted.dimension == own.dimension
