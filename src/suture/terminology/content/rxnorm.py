"""RxNorm at work: values may say what they are, `CUI:161` or `TUI:T200`, https://hl7.org/fhir/R4/rxnorm.html."""

import re
from collections.abc import Sequence

from pyroaring import BitMap

from suture.terminology.content.provider import StoredSystem


class RxNormSystem(StoredSystem):
    """One version."""

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives; a value may say that it is a concept, or the identifier of a semantic type. A plain
        relationship (`RO`) is any of those with an additional label.
        """
        plain = re.sub(r"(^|,)\s*(?:CUI|TUI):", r"\1", value) if op != "regex" else value
        labels: Sequence[str] = self.description.values.get("labels", {}).get(property, ())
        if op not in ("=", "in") or not labels:
            return await super().selected(property, op, plain)
        return BitMap.union(*[await super(RxNormSystem, self).selected(label, op, plain) for label in labels])
