"""Definitions as they were on a day: the newest version of each that is not younger.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html, parameter `date`. The one thing to know: where
that is not possible, because the definition of that day is not here or does not say its date, it is an error. A version
that is named counts whatever its date is.
"""

import re
from collections.abc import Iterable
from typing import Literal

from suture.fhir.dates import bounds
from suture.fhir.definitions import packed_resource
from suture.fhir.definitions.packed_terminology import packed_layers
from suture.fhir.versions import Version
from suture.terminology.library import Found, Library
from suture.terminology.problems import Problem, Refused
from suture.terminology.systems import Json, Provider
from suture.terminology.versions import newest

_RELEASED = {Version.R4: "2019-10-30", Version.R4B: "2022-05-28", Version.R5: "2023-03-26"}
"""The days of the FHIR versions, whose definitions ship without their own dates."""

_IN_VERSION = re.compile(r"(?:.*/version/)?(\d{4})-?(\d\d)-?(\d\d)")


class DatedLibrary(Library):
    """The definitions of another library as they were at a moment. `moment`: microseconds since 1970, UTC."""

    def __init__(self, library: Library, moment: int, shown: str) -> None:
        """`shown`: the moment as the request says it, for messages."""
        super().__init__(
            library._version,
            library.source,
            library._shelf,
            canonicals=library._canonicals,
            content=library._content,
            inline=library._inline,
        )
        self._moment = moment
        self._shown = shown

    async def value_set(self, reference: str, *, at: str = "") -> Found:
        """See `Library`. Raises Refused where the value set of that day is not here."""
        if "|" not in reference:
            versions = {each: self._date_of("ValueSet", reference, each) for each in self._versions_of(reference)}
            if versions:
                version = self._chosen(reference, versions)
                reference = f"{reference}|{version}" if version else reference
        return await super().value_set(reference, at=at)

    async def code_system(self, url: str, version: str = "", *, lenient: bool = False) -> Provider | None:
        """See `Library`. Raises Refused where the code system of that day is not here."""
        if not version:
            here = await self.code_system_versions(url)
            found = await super().code_system(url) if not here else None
            versions = {each: self._date_of("CodeSystem", url, each) for each in here}
            if found is not None:
                versions[""] = self._date_of("CodeSystem", url, "")
            if versions:
                version = self._chosen(url, versions)
        return await super().code_system(url, version, lenient=lenient)

    def check(self, resource: Json) -> None:
        """Raise Refused for a definition that is younger, or does not say how old it is."""
        url = resource.get("url") or f"{resource.get('resourceType')}/{resource.get('id')}"
        self._chosen(url, {resource.get("version", ""): _moment(resource.get("date"))})

    def _versions_of(self, url: str) -> Iterable[str]:
        inline = [one.get("version", "") for one in self._inline.of("ValueSet", url)]
        return inline or self._known_versions("ValueSet", url)

    def _chosen(self, url: str, versions: dict[str, int | None]) -> str:
        """The newest version that is not younger than the moment. Raises Refused."""
        # One without a version cannot be named beside others, so it counts only alone.
        for version in newest(one for one in versions if one or len(versions) == 1):
            date = versions[version]
            if date is not None and date <= self._moment:
                return version
        undated = [one for one, date in versions.items() if date is None]
        why = "it does not say of which date it is" if undated else "what is here is younger"
        text = f"The definition of {url[:300]} as it was on {self._shown} is not here: {why}."
        raise Refused(Problem("error", "not-supported", "not-supported", "", text))

    def _date_of(self, type: Literal["CodeSystem", "ValueSet"], url: str, version: str) -> int | None:
        """From when on a version counts; None when that is not known."""
        for one in self._inline.of(type, url):
            if one.get("version", "") == version:
                return _moment(one.get("date"))
        known = self._canonicals.find(type, url, version or None)
        if known is None and type == "CodeSystem":
            layer = next((one for one in packed_layers(self._version) if url in one.code_systems), None)
            known = layer.resource("CodeSystem", url) if layer is not None else None
            known = known if known is not None and known.get("version", "") == version else None
        if known is not None:
            shipped = known.get("version") == self._version.number and known is packed_resource(
                self._version, type, url
            )
            return _moment(_RELEASED.get(self._version) if shipped else known.get("date"))
        dated = _IN_VERSION.fullmatch(version)
        return _moment("-".join(dated.groups())) if dated else None


def _moment(date: object) -> int | None:
    try:
        return bounds(date)[0] if isinstance(date, str) else None
    except ValueError:
        return None
