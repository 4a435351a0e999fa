"""Small FHIR packages for tests: as archives, as folders, and what lies in them."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Files = dict[str, bytes]


def profile(id: str, version: str, type: str = "Patient", **elements: Any) -> Json:
    return {
        "resourceType": "StructureDefinition",
        "id": id,
        "url": f"https://example.org/guide/StructureDefinition/{id}",
        "version": version,
        "name": id.title().replace("-", ""),
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": type,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "derivation": "constraint",
        "differential": {"element": [{"id": type, "path": type, "short": "For readers", "min": 0}]},
        **elements,
    }


def parameter(code: str, version: str, expression: str = "Patient.contact.name.family", **elements: Any) -> Json:
    return {
        "resourceType": "SearchParameter",
        "id": f"guide-{code}",
        "url": f"https://example.org/guide/SearchParameter/{code}",
        "version": version,
        "name": "Guide" + code.title().replace("-", ""),
        "status": "active",
        "description": f"Of version {version}.",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": expression,
        **elements,
    }


def guide(version: str) -> Json:
    return {
        "resourceType": "ImplementationGuide",
        "id": "guide",
        "url": "https://example.org/guide/ImplementationGuide/guide",
        "version": version,
        "name": "Guide",
        "status": "active",
        "packageId": "example.guide",
        "fhirVersion": ["4.0.1"],
    }


def manifest(name: str = "example.guide", version: str = "1.0.0", **members: Any) -> Json:
    return {"name": name, "version": version, "fhirVersions": ["4.0.1"], "title": "A guide", **members}


def files(*resources: Json, **members: Any) -> Files:
    """The files of a package with these resources; `members` of its package.json."""
    found = {"package/package.json": json.dumps(manifest(**members)).encode()}
    for resource in resources:
        found[f"package/{resource['resourceType']}-{resource['id']}.json"] = json.dumps(resource).encode()
    return found


def archive(content: Files) -> bytes:
    """A .tgz of files."""
    return packed([(tarfile.TarInfo(name), data) for name, data in content.items()])


def packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A .tgz of members, whose sizes are set here."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), 1)


def written(content: Files, path: Path) -> Path:
    """The archive of files as a file."""
    path.write_bytes(archive(content))
    return path
