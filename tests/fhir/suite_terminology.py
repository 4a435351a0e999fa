"""Answers about codes for the official validator cases: from the definitions of a case, of packages, of the release."""

from typing import Any

from suture.fhir.outcomes import FhirError
from suture.fhir.packages import Canonicals
from suture.fhir.rules import Coded, Filtered, Membership
from suture.fhir.rules.check_digits import SNOMED
from suture.fhir.rules.questions import UNKNOWN, Operated, Subsumption, Unknown
from suture.fhir.versions import Version
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk
from suture.terminology.ecl.parser import parse

Json = dict[str, Any]


class SuiteTerminology:
    """An oracle without a server."""

    def __init__(self, canonicals: Canonicals, version: Version = Version.R4) -> None:
        self._desk = Desk(version, Grammars()).current(canonicals, 0)

    async def resolve(self, reference: str) -> Json | Unknown | None:
        return UNKNOWN

    async def member(self, question: Coded) -> Membership:
        return await self._desk.memberships.member(
            self._desk, question.value_set, question.system, question.version, question.code, question.display
        )

    async def filter(self, question: Filtered) -> str:
        if question.system == SNOMED and question.property in ("constraint", "expression", "expressions"):
            try:
                parse(question.value)
            except FhirError as error:
                return str(error)
        return ""

    async def subsumes(self, question: Subsumption) -> bool | None:
        return None

    async def operate(self, question: Operated) -> Any:
        return UNKNOWN
