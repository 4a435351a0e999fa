"""A package server: the two questions of the FHIR package registry's protocol, which is that of npm.

Specification: https://hl7.org/fhir/packages.html and https://confluence.hl7.org/display/FHIR/NPM+Package+Specification.
`GET /{name}` lists the versions, `GET /{name}/{version}` is the archive, or tells where it is. The one thing to know:
what comes is limited in size and time, and checked against the digest that the server gives.
"""

import hashlib
import time
from typing import Any, cast
from urllib.parse import quote, urljoin, urlsplit

import httpx
import msgspec

from suture.fhir.packages.archive import MAX_ARCHIVE, MIB
from suture.fhir.packages.numbering import matches, order
from suture.fhir.packages.package import PackageRefused

LISTING = 32 * MIB
"""Bytes of an answer that is no archive."""

PATIENCE = 60.0
"""Seconds without a byte."""

LONGEST = 600.0
"""Seconds for one answer."""


class _Dist(msgspec.Struct):
    shasum: str = ""
    tarball: str = ""


class _Version(msgspec.Struct):
    dist: _Dist = msgspec.field(default_factory=_Dist)


class _Listing(msgspec.Struct):
    versions: dict[str, _Version] = {}
    tags: Any = msgspec.field(default=None, name="dist-tags")


class PackageServer:
    """The server at `url`, which may have a user and a password in it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/"
        self._shown = urlsplit(url).hostname or "the package server"
        self._client = httpx.Client(timeout=PATIENCE, follow_redirects=True, headers={"User-Agent": "suture"})

    def fetch(self, name: str, version: str) -> bytes | None:
        """The archive of a package, or None when the server does not have it. Raises PackageRefused.

        `version`: exact, the first parts of one (`6.1.x`), or "" or `latest` for the newest.
        """
        listing = self._listing(name)
        if listing is None:
            return None
        exact = _choose(listing, version)
        if exact is None:
            return None
        data = self._archive(name, exact)
        digest = listing.versions[exact].dist.shasum
        # the protocol has no other digest; it finds broken downloads
        if data is not None and digest and hashlib.sha1(data).hexdigest() != digest.lower():  # noqa: S324
            raise PackageRefused(f"{self._shown} sent something else for {name}@{exact} than its digest says.")
        return data

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _listing(self, name: str) -> _Listing | None:
        found = self._get(urljoin(self._url, quote(name)), LISTING)
        return None if found is None else _decoded(found, _Listing, self._shown)

    def _archive(self, name: str, version: str) -> bytes | None:
        """What lies at `/{name}/{version}`, or where that says."""
        url = urljoin(self._url, f"{quote(name)}/{quote(version)}")
        data = self._get(url, MAX_ARCHIVE)
        if data is not None and data.lstrip()[:1] == b"{":
            place = _decoded(data, _Version, self._shown).dist.tarball
            data = self._get(urljoin(url, place), MAX_ARCHIVE) if place else None
        return data

    def _get(self, url: str, limit: int) -> bytes | None:
        """The body of an answer, None for 404. Raises PackageRefused."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise PackageRefused(f"{self._shown} points to an address that is not http or https.")
        deadline = time.monotonic() + LONGEST
        parts: list[bytes] = []
        size = 0
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise PackageRefused(f"{self._shown} answered {answer.status_code} when asked for a package.")
                for part in answer.iter_bytes():
                    size += len(part)
                    if size > limit or time.monotonic() > deadline:
                        raise PackageRefused(f"{self._shown} sends more than {limit // MIB} MiB, or too slowly.")
                    parts.append(part)
        except httpx.HTTPError as error:
            raise PackageRefused(
                f"{self._shown} cannot be reached: {str(error)[:200] or type(error).__name__}."
            ) from error
        return b"".join(parts)


def _choose(listing: _Listing, version: str) -> str | None:
    """The version of a listing that is meant, or None."""
    versions = listing.versions
    if version in versions:
        return version
    if version in ("", "latest"):
        tags = listing.tags
        latest = cast("dict[str, Any]", tags).get("latest") if isinstance(tags, dict) else None
        if isinstance(latest, str) and latest in versions:
            return latest
        fitting = [each for each in versions if "-" not in each] or list(versions)
    else:
        fitting = [each for each in versions if matches(version, each)]
    return max(fitting, key=order, default=None)


def _decoded(data: bytes, type: type[Any], shown: str) -> Any:
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PackageRefused(f"{shown} answers in another form than a package server does.") from error
