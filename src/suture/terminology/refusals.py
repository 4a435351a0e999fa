"""The errors of this room: each names the definition it is about and says what would help.

A search whose value set is unknown cannot be answered, so these are errors of the request (400), told apart by
their issue code: https://hl7.org/fhir/R4/valueset-issue-type.html
"""

from suture.fhir.outcomes import Invalid, Issue, TooCostly

_SHOWN = 200


def shown(url: str) -> str:
    """A URL or code as it may appear in a message."""
    return url if len(url) <= _SHOWN else url[:_SHOWN] + "…"


def unknown(what: str) -> Invalid:
    """Something that is not defined here (issue code `not-found`)."""
    return Invalid(issues=[Issue("error", "not-found", what)])


def unsupported(what: str) -> Invalid:
    """Something that cannot be worked out from the definitions here (issue code `not-supported`)."""
    return Invalid(issues=[Issue("error", "not-supported", what)])


def too_large(what: str, limit: int) -> TooCostly:
    """More codes or definitions than one request may use."""
    return TooCostly(f"{what}; the limit is {limit}. Use a narrower value set.")
