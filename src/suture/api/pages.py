"""What the server answers besides FHIR: the page at `/`, the OpenAPI document, health and metrics.

The one thing to know: the OpenAPI document is put together when it is first asked for, by asking the router itself
which methods it knows on each shape of path.
"""

from collections.abc import Sequence
from contextlib import suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.api.landing import landing
from suture.api.openapi import OpenApi, Tables
from suture.api.operations import Operation
from suture.api.router import Router
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import FhirError, Issue, operation_outcome
from suture.observability import Health, Metrics

SHAPES = {
    "": "",
    "/metadata": "metadata",
    "/_search": "_search",
    "/_history": "_history",
    "/{type}": "Patient",
    "/{type}/_search": "Patient/_search",
    "/{type}/_history": "Patient/_history",
    "/{type}/{id}": "Patient/1",
    "/{type}/{id}/_history": "Patient/1/_history",
    "/{type}/{id}/_history/{vid}": "Patient/1/_history/1",
    "/{compartment}/{id}/{member}": "Patient/1/Observation",
    "/{compartment}/{id}/{member}/_search": "Patient/1/Observation/_search",
}
"""The shapes of path below a base, operations aside, each with an example."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def pages(
    services: Services, model: Model, path: str, operations: Sequence[Operation], metrics: Metrics, health: Health
) -> Starlette:
    """The application for everything that is not below a FHIR base.

    `model`, `path`: the FHIR version and the base (`/fhir/r4`) that the page at `/` and the OpenAPI document describe.
    """
    document = OpenApi(model, operations, Offered(services, model, operations), path).document

    async def openapi(request: Request) -> Response:
        return Response(document(), media_type="application/json", headers={"cache-control": "no-cache"})

    routes = [
        landing(path, model.version.number),
        Route("/openapi.json", openapi),
        metrics.route(),
        *health.routes(),
    ]
    return Starlette(routes=routes, exception_handlers={404: _nothing_here, 405: _wrong_method})


class Offered:
    """Which interactions the router offers, worked out when it is asked."""

    def __init__(self, services: Services, model: Model, operations: Sequence[Operation]) -> None:
        self._services = services
        self._model = model
        self._operations = operations

    def __call__(self) -> Tables:
        """Path template -> HTTP method -> interaction."""
        router = Router(self._model, self._operations, self._services.settings)
        found: dict[str, dict[str, str]] = {}
        for template, example in SHAPES.items():
            methods = found.setdefault(template, {})
            for method in _METHODS:
                with suppress(FhirError):
                    methods[method] = router.find(method, example)[0].interaction
        return found


async def _nothing_here(request: Request, error: Exception) -> Response:
    return _outcome(404, "not-found", "There is nothing at this URL.")


async def _wrong_method(request: Request, error: Exception) -> Response:
    return _outcome(405, "not-supported", "This URL can only be read, with GET.", {"allow": "GET, HEAD"})


def _outcome(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Response:
    body = json.encode(operation_outcome([Issue("error", code, text)]))
    return Response(body, status, headers, media_type="application/fhir+json")
