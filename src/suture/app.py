"""The composition root: every long-lived object is built here, once, and handed down by constructor argument.

`create_app` gives the ASGI application of one process: the FHIR bases on the raw hot path, everything else as
Starlette pages. The one thing to know: nothing is opened at import or construction; the database is opened by the
lifespan, on the event loop that will use it.
"""

import asyncio
import gc

from suture.api.fhir_app import FhirApp
from suture.api.http import Receive, Scope, Send
from suture.api.operations import REGISTRY
from suture.api.pages import pages
from suture.api.services import Model, Observe, Services
from suture.deferred import import_next
from suture.fhir import json
from suture.fhir.definitions import DefinitionsMissing
from suture.fhir.versions import Version
from suture.observability import Health, Metrics, RequestLog, configure_logging
from suture.settings import Settings
from suture.store.opening import DatabaseError, open_store
from suture.store.rows import IndexRows

SERVED = (Version.R4,)
"""The FHIR versions that have a base URL."""

SETTLED = 2.0
"""Seconds after its start when an application imports what no request has needed so far (`suture.deferred`)."""


async def open_services(settings: Settings, observe: Observe | None = None) -> Services:
    """Open the database and build what works on it. Raises DatabaseError. Close by `services.store.close()`."""
    models: dict[Version, Model] = {}

    def index(version: str, body: bytes) -> IndexRows:
        return models[Version(version)].indexer.rows(json.reread(body))

    store = await open_store(
        settings.database,
        index=index,
        read_connections=settings.read_connections,
        statement_timeout=settings.statement_timeout,
        replicas=settings.replicas,
        replica_lag=settings.replica_lag,
    )
    models.update({version: Model(version, store, settings) for version in SERVED})
    services = Services(settings, store, models, observe or _unobserved)
    try:
        await services.catalogue.open()
        await services.knowing.open()
        await services.systems.open()
    except BaseException:
        await store.close()
        raise
    return services


def _unobserved(id: str, method: str, interaction: str, type: str, status: int, seconds: float) -> None:
    """Nobody looks."""


class Application:
    """The ASGI application of one process. Its database is open between lifespan start-up and shutdown.

    `requests`: where answered requests are logged; None logs only slow ones.
    """

    def __init__(self, settings: Settings, requests: RequestLog | None = None) -> None:
        self._settings = settings
        self._requests = requests or RequestLog(settings.log_format, "warning")
        self._running: _Running | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to a FHIR base or to the pages."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        running = self._running
        if scope["type"] != "http" or running is None:
            raise RuntimeError("the application answers HTTP between start-up and shutdown")
        path: str = scope["path"]
        if path.startswith("/fhir/") and (base := running.bases.get(path[6:].partition("/")[0])):
            await base(scope, receive, send)
        else:
            await running.pages(scope, receive, send)

    async def start(self) -> None:
        """Open the database and build the applications. Raises DatabaseError."""
        self._running = await _Running.start(self._settings, self._requests)

    async def stop(self) -> None:
        """Finish the writes that were accepted and close the database."""
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except (DatabaseError, DefinitionsMissing) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Running:
    """What exists while the database is open. `bases`: version -> application of its base URL."""

    def __init__(self, services: Services, metrics: Metrics, requests: RequestLog, health: Health) -> None:
        self.bases = {
            version.value: FhirApp(services, model, f"/fhir/{version.value}", REGISTRY)
            for version, model in services.models.items()
        }
        first = next(iter(services.models.values()))
        self.pages = pages(services, first, f"/fhir/{first.version.value}", REGISTRY, metrics, health)
        self._services = services
        self._health = health
        self._requests = requests
        self._tasks = (
            asyncio.create_task(metrics.publish()),
            asyncio.create_task(services.catalogue.keep_building()),
            asyncio.create_task(_settle()),
        )

    @classmethod
    async def start(cls, settings: Settings, requests: RequestLog) -> "_Running":
        opened: list[Services] = []
        metrics = Metrics(lambda: opened[0].store.statistics())

        def observe(id: str, method: str, interaction: str, type: str, status: int, seconds: float) -> None:
            metrics.observe(interaction, type, status, seconds)
            requests.answered(id, method, interaction, type, status, seconds)

        services = await open_services(settings, observe)
        opened.append(services)
        return cls(services, metrics, requests, Health(services.store.last_event, lambda: services.store.replicas))

    async def stop(self) -> None:
        self._health.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._services.systems.close()
        await self._services.store.close()
        self._requests.flush()


async def _settle() -> None:
    """Import, one module after another, what the first request that needs it would otherwise wait for.

    Not before the application has settled, because its first requests should not share the processor with it, and in a
    thread, because the event loop would answer nobody until a big module is there. What is there by then stays for
    ever: the garbage collector, which stops all requests while it looks, need not look at it again.
    """
    gc.freeze()
    await asyncio.sleep(SETTLED)
    more = True
    while more:
        more = await asyncio.to_thread(import_next)
    gc.freeze()


def create_app(settings: Settings) -> Application:
    """The ASGI application of a server process, which logs the requests that it answers, and all else, as set."""
    configure_logging(settings.log_format, settings.log_level)
    return Application(settings, RequestLog(settings.log_format, settings.log_level))
