"""read: the current version of a resource, as its stored bytes.

Specification: https://hl7.org/fhir/R4/http.html#read and #cread.
"""

from suture.api import raw
from suture.api.answers import MICROSECONDS, etag, http_date, location, version_headers
from suture.api.http import Request, Response
from suture.api.negotiation import accepts_raw
from suture.api.preconditions import not_modified
from suture.api.services import Model, Services
from suture.api.subsets import subset_of
from suture.api.target import Target
from suture.fhir.outcomes import Gone, NotFound
from suture.store.rows import Stored


def answer(model: Model, request: Request, stored: Stored) -> Response:
    """The answer that carries one version, or 304. Raises Gone when the version says deleted."""
    if stored.deleted:
        raise Gone(
            f"{stored.type}/{stored.id} was deleted.",
            headers={
                "ETag": etag(stored.version).decode(),
                "Last-Modified": http_date(stored.updated // MICROSECONDS).decode(),
            },
        )
    headers = version_headers(stored)
    if not_modified(request, stored):
        return Response(304, b"", headers, stored=stored)
    if stored.type == raw.BINARY and not request.bundled and accepts_raw(request.accept, request.query):
        return raw.content(stored)
    body = stored.body
    if request.query and (subset := subset_of(request, model)) is not None:
        body = subset.apply(body)
    headers.append((b"content-location", f"{request.base}/{location(stored)}".encode("latin-1")))
    return Response(200, body, headers, stored=stored)


async def read(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]/[type]/[id]`, with If-None-Match and If-Modified-Since: 404 when unknown, 410 when deleted."""
    decision = services.decide(request, target.type)
    stored = await services.store.read(target.type, target.id, decision.predicate)
    if stored is None:
        raise NotFound(f"There is no {target.type}/{target.id}.")
    return answer(model, request, stored)
