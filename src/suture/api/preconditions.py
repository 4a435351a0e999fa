"""If-Match, If-None-Match and If-Modified-Since.

Specification: https://hl7.org/fhir/R4/http.html#concurrency, #cread and RFC 9110, section 13. The one thing to
know: versions are numbers, and an ETag is `W/"3"`; clients that leave out `W/` or the quotes are understood.
"""

import re

from suture.api.answers import MICROSECONDS, read_http_date
from suture.api.http import Request
from suture.fhir.outcomes import Invalid, PreconditionFailed
from suture.store.rows import Stored

_TAG = re.compile(r'(?:W/)?"([^"]*)"|(?:W/)?([A-Za-z0-9\-.]+)')
_MOST_TAGS = 100


def tags(header: str) -> frozenset[str]:
    """The version ids in an If-Match or If-None-Match header. Raises Invalid when there is none."""
    found = frozenset(match[1] or match[2] or "" for match in _TAG.finditer(header[: _MOST_TAGS * 80]))
    if not found:
        raise Invalid(f'The version {header[:80]!r} is not understood; it looks like W/"3".')
    return found


def check_match(header: str, current: Stored | None) -> None:
    """Raise PreconditionFailed when `header` (If-Match, may be "") does not name the current version.

    `current`: the present state; None or a deleted one match nothing.
    """
    if not header:
        return
    alive = current is not None and not current.deleted
    if header == "*":
        if not alive:
            raise PreconditionFailed("If-Match: * needs a resource that exists, and there is none.")
        return
    wanted = tags(header)
    if current is None or str(current.version) not in wanted:
        now = f"version {current.version}" if current is not None and alive else "not there"
        raise PreconditionFailed(f"If-Match names version {', '.join(sorted(wanted))[:80]}, but the resource is {now}.")


def check_none_match(header: str, current: Stored | None) -> None:
    """Raise PreconditionFailed when a write must not happen, because `header` (If-None-Match) matches."""
    if not header or current is None or current.deleted:
        return
    if header == "*":
        raise PreconditionFailed(f"If-None-Match: * wants no such resource, but it exists (version {current.version}).")
    if str(current.version) in tags(header):
        raise PreconditionFailed(f"If-None-Match names the current version {current.version}.")


def not_modified(request: Request, stored: Stored) -> bool:
    """Whether a conditional read finds nothing new (304). If-None-Match wins over If-Modified-Since."""
    none_match = request.header("if-none-match")
    if none_match:
        return none_match == "*" or str(stored.version) in tags(none_match)
    since = request.header("if-modified-since")
    if since:
        moment = read_http_date(since)
        if moment is None:
            raise Invalid("If-Modified-Since is not an HTTP date such as Sun, 06 Nov 1994 08:49:37 GMT.")
        return stored.updated // MICROSECONDS <= moment
    return False
