"""From an exception to the answer that tells of it.

Specification: https://hl7.org/fhir/R4/http.html#Status-Codes. The one thing to know: what the code did not expect is
answered with the request id alone; the log gets the places in the code, never what the exception says, because that
may hold patient data.
"""

import logging

from suture.api.http import Request, Response, error_response, resource_response
from suture.fhir.outcomes import FhirError, Issue, Unavailable, operation_outcome
from suture.store.connection import Retry

log = logging.getLogger("suture.api")


def failure(error: Exception, request: Request) -> Response:
    """The answer for `error`: its own status, 503 when the database is busy, 500 for a defect."""
    if isinstance(error, FhirError):
        return error_response(error)
    if isinstance(error, Retry):
        return error_response(Unavailable("The database is busy. Try again.", headers={"Retry-After": "1"}))
    fields = {"request_id": request.id, "interaction": request.interaction}
    log.error("unexpected error", extra=fields, exc_info=error)
    message = f"The server failed to answer this request; the log knows more under the request id {request.id}."
    return resource_response(500, operation_outcome([Issue("fatal", "exception", message)]))
