"""The composition root: every long-lived object is built here, once, and handed down by constructor argument.

`create_app` gives the ASGI application of one process: the FHIR bases on the raw hot path, everything else as
Starlette pages. The one thing to know: nothing is opened at import or construction; the database is opened by the
lifespan, on the event loop that will use it.
"""

import logging
from collections.abc import Mapping
from typing import Any

from suture.api.fhir_app import FhirApp
from suture.api.http import Receive, Scope, Send
from suture.api.operations import REGISTRY
from suture.api.services import Model, Observe, Services
from suture.fhir import json
from suture.fhir.outcomes import Issue, operation_outcome
from suture.fhir.versions import Version
from suture.settings import Settings
from suture.store.opening import open_store
from suture.store.rows import IndexRows

SERVED = (Version.R4,)
"""The FHIR versions that have a base URL."""

log = logging.getLogger("suture")


async def open_services(settings: Settings, observe: Observe | None = None) -> Services:
    """Open the database and build what works on it. Raises DatabaseError. Close by `services.store.close()`."""
    models: dict[Version, Model] = {}

    def index(version: str, body: bytes) -> IndexRows:
        return models[Version(version)].indexer.rows(json.decode(body))

    store = await open_store(
        settings.database,
        index=index,
        read_connections=settings.read_connections,
        timeout=settings.statement_timeout,
    )
    models.update({version: Model(version, store, settings) for version in SERVED})
    return Services(settings, store, models, observe or _unobserved)


def _unobserved(interaction: str, type: str, status: int, seconds: float) -> None:
    """Nobody looks."""


class Application:
    """The ASGI application of one process. Its database is open between lifespan start-up and shutdown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._services: Services | None = None
        self._bases: Mapping[str, FhirApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to a FHIR base or to the pages."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._lifespan(receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/fhir/"):
            base = self._bases.get(path[6:].partition("/")[0])
            if base is not None:
                await base(scope, receive, send)
                return
        await _nothing_here(send)

    async def open(self) -> Services:
        """Open the database and build the applications. Raises DatabaseError."""
        services = self._services = await open_services(self._settings)
        self._bases = {
            version.value: FhirApp(services, model, f"/fhir/{version.value}", REGISTRY)
            for version, model in services.models.items()
        }
        return services

    async def close(self) -> None:
        """Finish the writes that were accepted and close the database."""
        if self._services is not None:
            await self._services.store.close()
            self._services = None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _nothing_here(send: Send) -> None:
    body: Any = json.encode(operation_outcome([Issue("error", "not-found", "There is nothing at this URL.")]))
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def create_app(settings: Settings) -> Application:
    """The ASGI application with these settings."""
    return Application(settings)
