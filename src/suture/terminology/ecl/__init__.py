"""The expression constraint language of SNOMED CT (ECL 2.2): parser, and evaluation over sets of concepts.

https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language
"""

from suture.terminology.ecl.evaluation import evaluate
from suture.terminology.ecl.parser import parse
from suture.terminology.ecl.substrate import Substrate

__all__ = ["Substrate", "evaluate", "parse"]
