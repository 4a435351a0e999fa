"""capabilities: what this server can do, generated from what is registered.

Specification: https://hl7.org/fhir/R4/http.html#capabilities. The statement itself comes from `suture.api.capability`.
"""

from suture.api.capability import Capabilities
from suture.api.http import Request, Response
from suture.api.preconditions import tags
from suture.api.services import Model, Services
from suture.api.subsets import subset_of
from suture.api.target import Handler, Target
from suture.fhir.outcomes import Invalid

_KNOWN = frozenset(("mode", "_format", "_pretty", "_summary", "_elements"))


def reporter(capabilities: Capabilities) -> Handler:
    """The handler of `GET [base]/metadata`, with `mode` and If-None-Match."""

    async def report(services: Services, model: Model, request: Request, target: Target) -> Response:
        for name, _ in request.pairs:
            if name not in _KNOWN:
                raise Invalid(f"/metadata does not know the parameter {name[:80]!r}; it knows mode.")
        await services.catalogue.refresh()
        mode = request.parameter("mode")
        if mode == "terminology":
            capabilities.systems = await model.terms.systems()
        body, etag = capabilities.statement(request.base, mode)
        headers = [(b"etag", etag)]
        none_match = request.header("if-none-match")
        if none_match and (none_match == "*" or etag[3:-1].decode("ascii") in tags(none_match)):
            return Response(304, b"", headers)
        subset = subset_of(request, model, "CapabilityStatement")
        return Response(200, subset.apply(body) if subset else body, headers)

    return report
