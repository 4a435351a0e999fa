"""Rules of the FHIR specification that StructureDefinitions do not carry, by the type of value that they judge."""

from suture.fhir.rules.questions import Coded, Filtered, Membership, Question, Resolvable
from suture.fhir.rules.registry import RULES, WORTH, of
from suture.fhir.rules.seen import Expectations, Rule, Scene, Seen

__all__ = [
    "RULES",
    "WORTH",
    "Coded",
    "Expectations",
    "Filtered",
    "Membership",
    "Question",
    "Resolvable",
    "Rule",
    "Scene",
    "Seen",
    "of",
]
