"""Errors and OperationOutcome: one exception type per meaning, each of which knows its HTTP status.

The middle of the house raises these; only the edges (`api`, `cli`) translate them into answers.
Specification: https://hl7.org/fhir/R4/operationoutcome.html and https://hl7.org/fhir/R4/http.html
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One OperationOutcome.issue.

    `severity`: fatal | error | warning | information. `code`: a code of the issue-type value set.
    `diagnostics`: a sentence for a person. `expression`: a FHIRPath location such as
    `Patient.name[0].given[1]`, or "" when the issue has no place in a resource.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str = ""


class FhirError(Exception):
    """Base of all errors that reach a client: an HTTP status and one or more issues.

    `headers` are added to the HTTP answer, e.g. `{"Allow": "GET, PUT"}`.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(
        self,
        diagnostics: str = "",
        *,
        expression: str = "",
        issues: Sequence[Issue] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.issues = list(issues) or [Issue("error", self.code, diagnostics, expression)]
        self.headers = headers or {}
        super().__init__(self.issues[0].diagnostics)

    def outcome(self) -> dict[str, Any]:
        """The OperationOutcome that tells a client of this error."""
        return operation_outcome(self.issues)


class Invalid(FhirError):
    """The request itself cannot be understood: malformed JSON, a bad parameter, a bad value."""

    status = 400
    code = "invalid"


class InvalidStructure(FhirError):
    """The resource was understood and breaks the structure that the specification demands."""

    status = 422
    code = "structure"


class Unprocessable(FhirError):
    """The content is well-formed, but a business rule refuses it."""

    status = 422
    code = "processing"


class Forbidden(FhirError):
    """The caller may not do this."""

    status = 403
    code = "forbidden"


class NotFound(FhirError):
    """There is no such resource, type, operation or page."""

    status = 404
    code = "not-found"


class MethodNotAllowed(FhirError):
    """The URL exists, but not with this HTTP method. Give the `Allow` header."""

    status = 405
    code = "not-supported"


class NotAcceptable(FhirError):
    """None of the formats that the client accepts can be produced."""

    status = 406
    code = "not-supported"


class Conflict(FhirError):
    """The write contradicts the present state of the resource."""

    status = 409
    code = "conflict"


class Gone(FhirError):
    """The resource was deleted."""

    status = 410
    code = "deleted"


class PreconditionFailed(FhirError):
    """If-Match, If-None-Match or another precondition does not hold."""

    status = 412
    code = "conflict"


class MultipleMatches(FhirError):
    """A conditional interaction matched more than one resource."""

    status = 412
    code = "multiple-matches"


class PayloadTooLarge(FhirError):
    """The body is larger than the server accepts."""

    status = 413
    code = "too-long"


class UriTooLong(FhirError):
    """The URL is longer than the server accepts."""

    status = 414
    code = "too-long"


class UnsupportedMediaType(FhirError):
    """The body is in a format that the server does not read."""

    status = 415
    code = "not-supported"


class TooCostly(FhirError):
    """The request would need more work than one request may take."""

    status = 403
    code = "too-costly"


class NotSupported(FhirError):
    """FHIR knows this, Suture does not do it."""

    status = 501
    code = "not-supported"


class TimedOut(FhirError):
    """The database was still at work when the time of one statement was over."""

    status = 503
    code = "timeout"


class Unavailable(FhirError):
    """The server cannot answer now; trying again later makes sense."""

    status = 503
    code = "transient"


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Build an OperationOutcome resource from `issues`."""
    entries: list[dict[str, Any]] = []
    for issue in issues:
        entry: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
        if issue.diagnostics:
            # What clients sent is quoted here, and FHIR strings have no control characters.
            entry["diagnostics"] = _FORBIDDEN.sub("\ufffd", issue.diagnostics)
        if issue.expression:
            entry["expression"] = [issue.expression]
        entries.append(entry)
    return {"resourceType": "OperationOutcome", "issue": entries}
