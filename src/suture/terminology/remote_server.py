"""Another terminology server as this one asks it: https://hl7.org/fhir/R4/terminology-service.html.

The one thing to know: it gets codes, never anything of a patient, and it cannot hold anybody up for long. An answer is
kept for a while; a question takes at most TIMEOUT; after FAILURES in a row nobody asks for PAUSE seconds.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.outcomes import FhirError, Unavailable
from suture.terminology.kept import Kept
from suture.terminology.systems import Json

if TYPE_CHECKING:
    import httpx
else:
    httpx = deferred("httpx")

TIMEOUT = 10.0
"""Seconds that one question may take."""

KEPT_SECONDS = 3600.0
"""How long an answer counts."""

KEPT_ANSWERS = 50_000
"""Answers that are kept."""

FAILURES = 5
"""Failures in a row after which the server is left alone for PAUSE seconds."""

PAUSE = 30.0

MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of one answer."""

AT_ONCE = 8
"""Questions under way at the same time."""

_HEADERS = {"Accept": "application/fhir+json", "User-Agent": "suture"}

Answer = tuple[int, Json]
"""HTTP status and resource."""


class RemoteServer:
    """A FHIR server with terminology operations. `base`: its base URL. `clock`: tells seconds."""

    def __init__(self, base: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.base = base.rstrip("/")
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._answers: Kept[tuple[str, bytes], tuple[Answer, float]] = Kept(KEPT_ANSWERS)
        self._failures = 0
        self._closed_until = 0.0
        self._room = asyncio.Semaphore(AT_ONCE)

    async def ask(self, path: str, parameters: list[Json] | None = None) -> Answer:
        """The answer to `POST path` with these parameters, or to `GET path` without. Raises Unavailable."""
        body = b"" if parameters is None else json.encode({"resourceType": "Parameters", "parameter": parameters})
        found = self._answers.get((path, body))
        if found is not None and self._clock() - found[1] < KEPT_SECONDS:
            return found[0]
        if self._clock() < self._closed_until:
            raise self._unavailable("did not answer several times")
        if self._failures >= FAILURES:
            self._closed_until = self._clock() + PAUSE  # this question is the test, others wait for how it ends
        try:
            async with self._room, asyncio.timeout(TIMEOUT):
                answer = await self._fetched(path, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, FhirError, _UselessError) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._clock() + PAUSE
            said = str(error) if isinstance(error, _UselessError) else "cannot be reached or does not answer in time"
            raise self._unavailable(said) from error
        self._failures, self._closed_until = 0, 0.0
        self._answers.keep((path, body), (answer, self._clock()), 1)
        return answer

    async def _fetched(self, path: str, body: bytes) -> Answer:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT, headers=_HEADERS)
        method, headers = ("POST", {"Content-Type": "application/fhir+json"}) if body else ("GET", {})
        data = bytearray()
        async with self._client.stream(
            method, f"{self.base}/{path}", content=body or None, headers=headers
        ) as response:
            if response.status_code >= 500 or response.status_code in (401, 403, 408, 429) or response.is_redirect:
                raise _UselessError(f"answers with HTTP status {response.status_code}")
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > MAX_ANSWER:
                    raise _UselessError(f"answers with more than {MAX_ANSWER} bytes")
        resource: Any = json.decode(bytes(data))
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise _UselessError("does not answer with a FHIR resource")
        return response.status_code, cast(Json, resource)

    def _unavailable(self, said: str) -> Unavailable:
        return Unavailable(f"The terminology server {self.base} {said}; try again later.")

    async def close(self) -> None:
        """End its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class _UselessError(Exception):
    """The server gave an answer that answers nothing."""
