"""batch: entries that have nothing to do with each other, answered one by one.

Specification: https://hl7.org/fhir/R4/http.html#transaction. The one thing to know: each entry goes through the
same router and handlers as a request of its own; entries of one step run side by side, so their writes share
group commits.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from suture.api.bundles import answers
from suture.api.entries import ORDER, Entry, answered, check_shell_by_entry, read_entry
from suture.api.failures import failure
from suture.api.http import Request, Response, error_response
from suture.api.services import Model, Services
from suture.api.target import Find
from suture.fhir.outcomes import FhirError

AT_ONCE = 32
"""Entries of one batch that are in progress at the same time."""


async def batch(services: Services, model: Model, request: Request, bundle: dict[str, Any], find: Find) -> Response:
    """Answer every entry; the failure of one leaves the others alone."""
    given, errors = check_shell_by_entry(model, bundle)
    results: list[bytes] = [b""] * len(given)
    entries: list[Entry] = []
    for position, entry in enumerate(given):
        try:
            if position in errors:
                raise errors[position]
            entries.append(read_entry(request, find, entry, position))
        except FhirError as error:
            results[position] = answered(error_response(error), request.base)
    for step in range(4):
        waiting = iter([entry for entry in entries if ORDER[entry.request.method] == step])
        # A client that goes away stops what is only read for it, never a write.
        with request.while_wanted() if step == ORDER["GET"] else contextlib.nullcontext():
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(_work(services, model, waiting, results))
    return Response(200, answers(b"batch-response", results))


async def _work(services: Services, model: Model, waiting: Iterator[Entry], results: list[bytes]) -> None:
    for entry in waiting:
        try:
            response = await entry.handler(services, model, entry.request, entry.target)
        except Exception as error:
            response = failure(error, entry.request)
        results[entry.position] = answered(response, entry.request.base)
        await asyncio.sleep(0)
