"""RxNorm at work: values of relationships may be written `CUI:…`, https://hl7.org/fhir/R4/rxnorm.html."""

from pyroaring import BitMap

from suture.terminology.content.provider import StoredSystem


class RxNormSystem(StoredSystem):
    """One version."""

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives; a value may say that it is a concept."""
        plain = ",".join(part.strip().removeprefix("CUI:") for part in value.split(",")) if "CUI:" in value else value
        return await super().selected(property, op, plain)
