"""The functions of FHIRPath that take collections and give collections, by name.

Those that take an expression to evaluate for each item (`where`, `select` …) are in `scoped`.
"""

from suture.fhir.fhirpath.functions import (
    aggregates,
    boundaries,
    components,
    conversions,
    existence,
    fhir,
    mathematics,
    patterns,
    reflection,
    strings,
    subsets,
    terminology,
    tree,
)
from suture.fhir.fhirpath.functions.function import Function

FUNCTIONS: dict[str, Function] = {
    **existence.FUNCTIONS,
    **subsets.FUNCTIONS,
    **tree.FUNCTIONS,
    **conversions.FUNCTIONS,
    **strings.FUNCTIONS,
    **patterns.FUNCTIONS,
    **mathematics.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **boundaries.FUNCTIONS,
    **components.FUNCTIONS,
    **reflection.FUNCTIONS,
    **fhir.FUNCTIONS,
    **terminology.FUNCTIONS,
}

__all__ = ["FUNCTIONS", "Function"]
