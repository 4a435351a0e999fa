"""Answers that carry one version of a resource: their headers, and what `Prefer: return` asks of a write.

Specification: https://hl7.org/fhir/R4/http.html#create, #update and #versioning. The one thing to know: the
body of an answer is the stored bytes themselves.
"""

import functools
import time
from email.utils import parsedate_to_datetime

from suture.api.http import Header, Request, Response, resource_response
from suture.api.negotiation import preferences
from suture.fhir import json
from suture.fhir.outcomes import Issue, operation_outcome
from suture.store.rows import Stored

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

MICROSECONDS = 1_000_000


@functools.lru_cache(maxsize=4096)
def http_date(seconds: int) -> bytes:
    """Seconds since 1970 UTC as an HTTP date (RFC 9110, section 5.6.7)."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT".encode()


def read_http_date(text: str) -> int | None:
    """An HTTP date as seconds since 1970 UTC; None when it is not one."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def etag(version: int) -> bytes:
    """The ETag of a version."""
    return b'W/"%d"' % version


def version_headers(stored: Stored) -> list[Header]:
    """ETag and Last-Modified of a version."""
    return [
        (b"etag", b'W/"%d"' % stored.version),
        (b"last-modified", http_date(stored.updated // MICROSECONDS)),
    ]


def location(stored: Stored) -> str:
    """The versioned URL of a version, below the base."""
    return f"{stored.type}/{stored.id}/_history/{stored.version}"


def written(request: Request, stored: Stored, *, created: bool) -> Response:
    """The answer to a successful create, update or patch, in the form that `Prefer` asks for.

    `created`: the write made a resource that was not there before: 201 with `Location`, else 200.
    Without a preference single requests are answered with the resource and entries of bundles without it.
    """
    status = 201 if created else 200
    url = f"{request.base}/{location(stored)}".encode("latin-1")
    headers = [*version_headers(stored), (b"location" if created else b"content-location", url)]
    return shaped(request, status, stored, headers, f"{stored.type}/{stored.id} is now at version {stored.version}.")


def matched(request: Request, stored: Stored) -> Response:
    """The answer to a conditional create that found the resource already there: 200 and where it is."""
    url = f"{request.base}/{location(stored)}".encode("latin-1")
    headers = [*version_headers(stored), (b"location", url)]
    return shaped(request, 200, stored, headers, f"{stored.type}/{stored.id} already matches; nothing was created.")


def deleted(request: Request, stored: Stored | None, message: str) -> Response:
    """The answer to a delete: 204, or 200 with an OperationOutcome when `Prefer` asks for one.

    `stored`: the version that says deleted; None when there was nothing to delete.
    """
    headers: list[Header] = [(b"etag", etag(stored.version))] if stored else []
    if preferences(request.header("prefer")).result == "OperationOutcome":
        return resource_response(200, operation_outcome([Issue("information", "informational", message)]), headers)
    return Response(204, b"", headers, stored=stored)


def shaped(request: Request, status: int, stored: Stored, headers: list[Header], message: str) -> Response:
    """An answer with the body that `Prefer: return` asks for: nothing, the resource, or an OperationOutcome."""
    wanted = preferences(request.header("prefer")).result or ("minimal" if request.bundled else "representation")
    if wanted == "minimal":
        return Response(status, b"", headers, stored=stored)
    if wanted == "OperationOutcome":
        outcome = operation_outcome([Issue("information", "informational", message)])
        return Response(status, json.encode(outcome), headers, stored=stored)
    return Response(status, stored.body, headers, stored=stored)
