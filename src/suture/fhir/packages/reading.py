"""Reading FHIR packages: from the bytes of an archive, an archive file, a folder, or the cache of the user.

Specification: https://hl7.org/fhir/packages.html. The one thing to know: a file that is no valid JSON is passed over
with a remark, because one broken example should not cost a whole guide; what is wrong with the archive itself, or with
package.json, refuses the package.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from suture.fhir import json
from suture.fhir.outcomes import Invalid
from suture.fhir.packages.archive import MIB, File, archive_files, folder_files
from suture.fhir.packages.numbering import matches, order
from suture.fhir.packages.package import Definition, Package, PackageRefused, definition, package

CACHE = Path(".fhir", "packages")
"""Where the tools of the FHIR community keep packages, below the home folder: `<name>#<version>/package/*.json`."""

MAX_JSON = 256 * MIB
"""Bytes of the JSON files of one package, which are in memory together, compressed."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


def read_package(source: Path | bytes) -> Package:
    """Read a package from the bytes of a .tgz, from a .tgz file, or from a folder (`package/*.json` or `*.json`).

    Raises PackageRefused, which says why; OSError when a file cannot be read.
    """
    if isinstance(source, bytes):
        return _read(archive_files(source))
    if source.is_dir():
        return _read(folder_files(source))
    return _read(archive_files(source.read_bytes()))


def in_cache(name: str, version: str, cache: Path | None = None) -> Path | None:
    """The folder of a package in the user's cache, or None.

    `version`: exact, the first parts of one (`6.1.x`), or "" for the newest there. `cache`: another folder of that
    layout than `~/.fhir/packages`.
    """
    folder = Path.home() / CACHE if cache is None else cache
    if not folder.is_dir():
        return None
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        there, hash, number = path.name.partition("#")
        if there.lower() == name.lower() and hash and (path / "package" / "package.json").is_file():
            found[number] = path
    if version in found:
        return found[version]
    fitting = [
        number for number in found if (not version and "-" not in number) or (version and matches(version, number))
    ]
    return found[max(fitting, key=order)] if fitting else None


def _read(files: Iterable[File]) -> Package:
    manifest: dict[str, Any] | None = None
    definitions: list[tuple[str, Definition]] = []
    remarks: list[str] = []
    size = 0
    for name, raw in files:
        content = raw.removeprefix(_BYTE_ORDER_MARK)
        size += len(content)
        if size > MAX_JSON:
            raise PackageRefused(f"The package has more than {MAX_JSON // MIB} MiB of JSON in its folder package.")
        if name == "package.json":
            manifest = _manifest(content)
            continue
        try:
            resource = json.decode(content)
        except Invalid as error:
            remarks.append(f"{name} was passed over: {error}")
            continue
        if isinstance(resource, dict):
            one = definition(cast("dict[str, Any]", resource), content, name.removesuffix(".json"))
            if one is not None:
                definitions.append((name, one))
    if manifest is None:
        raise PackageRefused("There is no package/package.json, so this is not a FHIR package.")
    found: dict[tuple[str, str], Definition] = {}
    for name, one in definitions:
        if not _ID.fullmatch(one.id):
            remarks.append(f"{name} was passed over: its id is none.")
        elif (one.type, one.id) in found:
            remarks.append(f"{name} was passed over: another file has {one.type}/{one.id} too.")
        else:
            found[one.type, one.id] = one
    return package(manifest, tuple(found.values()), tuple(remarks))


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.decode(content)
    except Invalid as error:
        raise PackageRefused(f"package.json cannot be read: {error}") from None
    if not isinstance(manifest, dict):
        raise PackageRefused("package.json is no JSON object.")
    return cast("dict[str, Any]", manifest)
