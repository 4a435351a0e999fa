"""The code systems that are built in: grammars (units, language tags, media types) and short lists (countries,
currencies, time zones).
"""

from collections.abc import Callable, Sequence
from functools import cache

from suture.fhir.open_codes import COUNTRY_TRIPLES, CURRENCY_CODES
from suture.terminology.content.grammars.countries import COUNTRIES
from suture.terminology.content.grammars.currencies import CURRENCIES
from suture.terminology.content.grammars.language_tags import LanguageTags
from suture.terminology.content.grammars.media_types import MediaTypes
from suture.terminology.content.grammars.time_zones import TIME_ZONES
from suture.terminology.content.grammars.units import Units
from suture.terminology.listed import Listed
from suture.terminology.systems import Head, Json, Provider

__all__ = ["Grammars"]


def _countries() -> Listed:
    """ISO 3166-1: each country by two letters, three letters and number."""
    concepts: list[Json] = []
    for two, three, number in COUNTRY_TRIPLES:
        concepts += [{"code": code, "display": COUNTRIES[two]} for code in (two, three, number)]
    return _listed("urn:iso:std:iso:3166", "ISO3166Part1", "Countries (ISO 3166-1)", concepts)


def _currencies() -> Listed:
    concepts = [{"code": code, "display": CURRENCIES[code]} for code in sorted(CURRENCY_CODES)]
    return _listed("urn:iso:std:iso:4217", "Currencies", "Currencies (ISO 4217)", concepts)


def _time_zones() -> Listed:
    concepts = [{"code": name, "display": name} for name in TIME_ZONES]
    return _listed("https://www.iana.org/time-zones", "TimeZones", "Time zones (IANA)", concepts)


def _listed(url: str, name: str, title: str, concepts: list[Json]) -> Listed:
    said: Json = {"url": url, "name": name, "title": title, "status": "active", "content": "complete"}
    return Listed({"resourceType": "CodeSystem", **said, "caseSensitive": True, "concept": concepts})


_MADE: dict[str, Callable[[], Provider]] = {
    "http://unitsofmeasure.org": Units,
    "urn:ietf:bcp:47": LanguageTags,
    "urn:ietf:bcp:13": MediaTypes,
    "urn:iso:std:iso:3166": _countries,
    "urn:iso:std:iso:4217": _currencies,
    "https://www.iana.org/time-zones": _time_zones,
}


@cache
def _built(url: str) -> Provider:
    return _MADE[url]()


class Grammars:
    """`Content` of what is built in. A version that is asked for is not looked at: they have one, or none."""

    async def find(self, url: str, version: str | None) -> Provider | None:
        """The code system of this URL."""
        return _built(url) if url in _MADE else None

    async def versions(self, url: str) -> Sequence[str]:
        """Its version, where it has one."""
        version = _built(url).head.version if url in _MADE else ""
        return [version] if version else []

    async def implicit(self, url: str, version: str = "") -> Json | None:
        """The value set of all units, or of those that measure the same."""
        return await _built("http://unitsofmeasure.org").implicit(url)

    async def implicit_map(self, url: str) -> None:
        """There is none."""
        return

    async def heads(self) -> Sequence[Head]:
        """All that is built in."""
        return [_built(url).head for url in _MADE]
