"""What is wrong with a query, in GraphQL's form of errors.

Specification: https://hl7.org/fhir/R4/graphql.html#errors and https://spec.graphql.org/October2021/#sec-Errors. The
one thing to know: FHIR asks for all or nothing, so any error makes `data` null, and each error carries an
OperationOutcome with one issue in `extensions.resource`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from graphql.language import Node

from suture.fhir.outcomes import FhirError, Issue, operation_outcome

Path = tuple[str | int, ...]

MOST = 20
"""Errors that one answer lists."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong. `place`: (line, column) in the query, both from 1, or None. `path`: in the answer."""

    message: str
    code: str = "invalid"
    place: tuple[int, int] | None = None
    path: Path = ()


class QueryError(FhirError):
    """A query cannot be answered. `status`: of the HTTP answer."""

    def __init__(self, faults: Sequence[Fault], status: int = 400) -> None:
        self.faults = list(faults)
        self.answer_status = status
        super().__init__(issues=[Issue("error", fault.code, fault.message) for fault in faults])


def refuse(message: str, node: Node | None = None, code: str = "invalid") -> QueryError:
    """The error for one part of a query text."""
    return QueryError([Fault(message, code, place_of(node))])


def place_of(node: Node | None) -> tuple[int, int] | None:
    """Line and column where a part of the query begins."""
    if node is None or node.loc is None:
        return None
    token = node.loc.start_token
    return token.line, token.column


def failed(error: FhirError) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the body that tell of `error`."""
    if isinstance(error, QueryError):
        return error.answer_status, {"data": None, "errors": [_told(fault) for fault in error.faults[:MOST]]}
    faults = [Fault(issue.diagnostics, issue.code) for issue in error.issues]
    return error.status, {"data": None, "errors": [_told(fault) for fault in faults[:MOST]]}


def _told(fault: Fault) -> dict[str, Any]:
    told: dict[str, Any] = {"message": fault.message}
    if fault.place is not None:
        told["locations"] = [{"line": fault.place[0], "column": fault.place[1]}]
    if fault.path:
        told["path"] = list(fault.path)
    told["extensions"] = {"resource": operation_outcome([Issue("error", fault.code, fault.message)])}
    return told
