"""Whether the process runs, and whether it can answer: for load balancers and orchestrators.

`/health/live` says that the process answers at all; `/health/ready` reads from the database and says 503 while that
fails, while the server stops, or when reading takes longer than TIMEOUT; as long as a read replica answers it says
200 and `read-only` instead. Neither tells a stranger why; the log does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TIMEOUT = 2.0
"""Seconds that the database may take to answer."""

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

log = logging.getLogger("suture.observability")


class Health:
    """Answers health questions.

    `probe`: reads something from the database and raises when that is not possible. `replicas`: the state of each
    read replica, "ok" when it can be used.
    """

    def __init__(
        self, probe: Callable[[], Awaitable[object]], replicas: Callable[[], Sequence[str]] = tuple[str, ...]
    ) -> None:
        self._probe = probe
        self._replicas = replicas
        self._stopping = False
        self._well = True

    def stop(self) -> None:
        """Say from now on that the server is not ready, so that no new requests are sent to it."""
        self._stopping = True

    def routes(self) -> list[Route]:
        """The routes `/health/live` and `/health/ready`."""
        return [Route("/health/live", self.live), Route("/health/ready", self.ready)]

    async def live(self, request: Request) -> JSONResponse:
        """200 as long as the process answers."""
        return _answer(200, {"status": "live"})

    async def ready(self, request: Request) -> JSONResponse:
        """200 when requests can be answered, be it only reads, by a replica; else 503."""
        if self._stopping:
            return _answer(503, {"status": "stopping"})
        well = await self._database_answers()
        replicas = self._replicas()
        status = "ready" if well else "read-only" if "ok" in replicas else "unavailable"
        details = {"replicas": list(replicas)} if replicas else {}
        return _answer(503 if status == "unavailable" else 200, {"status": status, "database": _word(well), **details})

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._probe()
        except Exception as error:
            if self._well:
                log.error("the database does not answer", extra={"exception": type(error).__name__})
            self._well = False
            return False
        if not self._well:
            log.info("the database answers again")
        self._well = True
        return True


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"


def _answer(status: int, content: Mapping[str, object]) -> JSONResponse:
    return JSONResponse(dict(content), status, headers=_HEADERS)
