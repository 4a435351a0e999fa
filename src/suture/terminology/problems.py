"""The issues that terminology operations report, with the codes and message ids of HL7's terminology ecosystem.

Specification: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/requirements.html and the code system
http://hl7.org/fhir/tools/CodeSystem/tx-issue-type. The one thing to know: an issue has a place in the coded value that
was sent, a text for people, and two codes for programs; `location` repeats `expression` for clients of older releases.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from suture.fhir.outcomes import FhirError, Invalid, Issue

MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"
KINDS = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"

Json = dict[str, Any]


class Problem(msgspec.Struct, frozen=True):
    """One issue. `severity`, `code`: as in OperationOutcome. `kind`: a code of tx-issue-type, or "". `id`: of the
    message. `place`: where in the coded value, such as `Coding.display`, or "". `silent`: not part of the summary
    `message` of a validation.
    """

    severity: str
    code: str
    kind: str
    id: str
    text: str
    place: str = ""
    silent: bool = False

    def entry(self) -> Json:
        """As OperationOutcome.issue."""
        found: Json = {}
        if self.id:
            found["extension"] = [{"url": MESSAGE_ID, "valueString": self.id}]
        found |= {"severity": self.severity, "code": self.code}
        details: Json = {"coding": [{"system": KINDS, "code": self.kind}]} if self.kind else {}
        found["details"] = details | {"text": self.text}
        if self.place:
            found |= {"location": [self.place], "expression": [self.place]}
        return found


def outcome(problems: Iterable[Problem]) -> Json:
    """An OperationOutcome of them."""
    return {"resourceType": "OperationOutcome", "issue": [problem.entry() for problem in problems]}


class Refused(Invalid):
    """A terminology question that cannot be answered.

    `problems`: why, as a terminology operation says it. `fatal`: a validation of a code fails with an OperationOutcome,
    else it answers that the code is not valid. `unknown`: canonicals that are not here.
    """

    def __init__(
        self,
        *problems: Problem,
        plain: Issue | None = None,
        status: int = 400,
        fatal: bool = True,
        unknown: Sequence[str] = (),
    ) -> None:
        """`plain`: the issue for other parts of the server, such as a search, instead of the first problem."""
        self.problems = problems
        self.fatal = fatal
        self.unknown = tuple(unknown)
        issues = [Issue(one.severity, one.code, one.text, one.place) for one in problems]
        super().__init__(issues=[plain] if plain else issues)
        self.status = status  # pyright: ignore[reportAttributeAccessIssue] (of the class elsewhere)

    def outcome(self) -> Json:
        """The OperationOutcome that tells a client of this error."""
        return outcome(self.problems)


def bad_request(text: str, id: str = "") -> Refused:
    """A request that lacks something or contradicts itself."""
    return Refused(Problem("error", "invalid", "invalid-data", id, text))


_KIND_OF = {"not-found": "not-found", "not-supported": "not-supported", "too-costly": "too-costly"}


def told(error: FhirError) -> Refused:
    """An error of another part of the server as a terminology operation tells it, with the same status."""
    problems = [
        Problem(one.severity, one.code, _KIND_OF.get(one.code, "invalid-data"), "", one.diagnostics, one.expression)
        for one in error.issues
    ]
    found = _Told(*problems, status=error.status)
    found.headers = error.headers
    return found


class _Told(Refused):
    """Says everything twice: as this ecosystem reads it, and as other answers of the server do."""

    def outcome(self) -> Json:
        issues = [problem.entry() | {"diagnostics": problem.text} for problem in self.problems]
        return {"resourceType": "OperationOutcome", "issue": issues}
