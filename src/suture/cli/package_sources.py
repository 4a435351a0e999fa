"""From what a person names to packages: files, folders, the user's package cache, a package server, and dependencies.

The one thing to know: a dependency that is nowhere is a warning. Guides name many packages that matter only to who
publishes them, and a guide is useful without.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from suture.cli.package_server import PackageServer
from suture.fhir.packages.numbering import matches
from suture.fhir.packages.package import BUILT_IN, Package, PackageRefused, is_name, is_version
from suture.fhir.packages.reading import in_cache, read_package

_NAMED = re.compile(r"([^@#]+)(?:[@#]([^@#]*))?")


class Named(msgspec.Struct, frozen=True):
    """A package by name. `version`: exact, in part, or "" for the newest."""

    name: str
    version: str

    @property
    def label(self) -> str:
        """As a person would write it."""
        return f"{self.name}@{self.version}" if self.version else self.name


class Sources:
    """Where packages are looked for. `server`: None for none. `cache`: None for `~/.fhir/packages`."""

    def __init__(self, server: PackageServer | None, cache: Path | None = None) -> None:
        self._server = server
        self._cache = cache

    def given(self, text: str) -> Package:
        """The package that a person names: a file, a folder, or NAME[@VERSION]. Raises PackageRefused."""
        path = Path(text)
        if path.exists():
            try:
                return read_package(path)
            except OSError as error:
                raise PackageRefused(f"{text} cannot be read: {error.strerror or error}.") from error
            except PackageRefused as error:
                raise PackageRefused(f"{text}: {error}") from None
        wanted = named(text)
        found = self.named(wanted)
        if found is None:
            places = "the package cache" + (" and on the package server" if self._server else "")
            advice = "" if self._server else " Name a file, or set package_server."
            raise PackageRefused(f"{wanted.label} is not in {places}.{advice}")
        return found

    def named(self, wanted: Named) -> Package | None:
        """A package by its name, or None when it is nowhere. Raises PackageRefused."""
        version = "" if wanted.version == "latest" else wanted.version
        folder = in_cache(wanted.name, version, self._cache) if version or self._server is None else None
        if folder is not None:
            return read_package(folder)
        data = self._server.fetch(wanted.name, version) if self._server else None
        return None if data is None else read_package(data)


def named(text: str) -> Named:
    """Read NAME, NAME@VERSION or NAME#VERSION. Raises PackageRefused."""
    match = _NAMED.fullmatch(text)
    name, version = (match[1], match[2] or "") if match else ("", "")
    if not is_name(name) or (version and not is_version(version)) or text.endswith((".tgz", ".gz")):
        raise PackageRefused(f"{text[:200]}: there is no such file or folder, and it is no NAME@VERSION of a package.")
    return Named(name, version)


def with_dependencies(
    packages: Sequence[Package], loaded: Iterable[Named], sources: Sources, warn: Callable[[str], None]
) -> list[Package]:
    """The packages and all that they need and that can be had, what is needed first.

    `loaded`: those that the database has. `warn`: called with a sentence for each that is missing.
    """
    there = [*loaded, *(Named(package.name, package.version) for package in packages)]
    waiting = list(packages)
    found = list(packages)
    missing: set[str] = set()
    while waiting:
        package = waiting.pop(0)
        for name, version in sorted(package.dependencies.items()):
            wanted = Named(name, version if is_version(version) else "")
            if BUILT_IN.fullmatch(name) or _have(there, wanted) or wanted.label in missing:
                continue
            try:
                needed = sources.named(wanted)
            except PackageRefused as error:
                needed = None
                warn(f"{package.label} needs {wanted.label}: {error}")
            if needed is None:
                missing.add(wanted.label)
                warn(_missing(package, wanted, there))
                continue
            there.append(Named(needed.name, needed.version))
            waiting.append(needed)
            found.insert(0, needed)
    return found


def _have(there: Iterable[Named], wanted: Named) -> bool:
    return any(
        each.name == wanted.name and (not wanted.version or matches(wanted.version, each.version)) for each in there
    )


def _missing(package: Package, wanted: Named, there: Iterable[Named]) -> str:
    others = sorted(each.version for each in there if each.name == wanted.name)
    instead = f"; {wanted.name}@{others[-1]} is used in its place" if others else ", which is not at hand"
    return f"{package.label} needs {wanted.label}{instead}."
