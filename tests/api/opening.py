"""The services of a server, opened on a database without a server around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from suture.api.services import Model, Services
from suture.app import open_services
from suture.settings import Settings


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[Services]:
    services = await open_services(Settings(database=url, **settings))
    try:
        yield services
    finally:
        await services.store.close()


def model_of(services: Services) -> Model:
    """The first of its FHIR versions."""
    return next(iter(services.models.values()))
