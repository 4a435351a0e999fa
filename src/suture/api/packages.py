"""Loading packages into the database, and removing them.

The one thing to know: a package is loaded or removed as a whole, in one transaction, and from its commit on every
process of the database works with it: validation, terminology, search and the CapabilityStatement.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from suture.api.services import Model, Services
from suture.fhir.json import join_body, split_body
from suture.fhir.outcomes import InvalidStructure
from suture.fhir.packages import Definition, Package, PackageRefused
from suture.fhir.packages.collection import entry
from suture.fhir.versions import Version
from suture.store import packages
from suture.store.owned import TAG, owned_id
from suture.store.packages import Held, Manifest, Part
from suture.store.rows import Prepared
from suture.store.transaction import Transaction


class Loaded(msgspec.Struct, frozen=True):
    """What came of loading a package. `written`: resources that are new or different from before."""

    package: Held
    written: int
    removed: int


class _Ready(msgspec.Struct, frozen=True):
    """A definition that can be written. `prepared`: None for one that is not valid and cannot be searched."""

    part: Part
    prepared: Prepared | None


async def listed(services: Services) -> list[Held]:
    """The packages of the database."""
    async with services.store.reading() as connection:
        return await packages.held(connection)


async def add(services: Services, package: Package) -> Loaded:
    """Load a package, in place of the same one where it was loaded before. Raises PackageRefused and FhirError."""
    model = _model(services.models, package)
    remarks = list(package.remarks)
    ready = [_ready(model, package, one, remarks) for one in package.definitions if _known(model, one, remarks)]
    if not ready:
        raise PackageRefused(f"{package.label} defines nothing: it has no conformance resources in its folder package.")
    manifest = Manifest(package.title, package.canonical, package.fhir_versions, package.dependencies, tuple(remarks))
    held = Held(package.name, package.version, time.time_ns() // 1000, manifest, len(ready))

    async def work(tx: Transaction) -> Loaded:
        before = set(await packages.targets(tx, package.name, package.version))
        written = 0
        for one in ready:
            target = one.part.entry.type, one.part.id
            if one.prepared is not None:
                before.discard(target)
                written += await _write(tx, *target, one.prepared)
        removed = [target for target in sorted(before) if await _delete(tx, *target)]
        await packages.record(tx, held, [one.part for one in ready])
        return Loaded(held, written, len(removed))

    return await services.store.write(work, targets=[(one.part.entry.type, one.part.id) for one in ready])


async def remove(services: Services, name: str, version: str) -> int:
    """Remove a package and the resources that it defines; how many. Raises PackageRefused when it is not there."""

    async def work(tx: Transaction) -> int:
        targets = await packages.targets(tx, name, version)
        gone = [target for target in targets if await _delete(tx, *target)]
        await packages.forget(tx, name, version)
        return len(gone)

    if not any((held.name, held.version) == (name, version) for held in await listed(services)):
        raise PackageRefused(f"The package {name}@{version} is not loaded.")
    return await services.store.write(work)


def _model(models: Mapping[Version, Model], package: Package) -> Model:
    for version, model in models.items():
        if package.fits(version):
            return model
    served = ", ".join(version.number for version in models)
    raise PackageRefused(
        f"{package.label} is for FHIR {', '.join(package.fhir_versions)[:80]}, and this server is for {served}."
    )


def _known(model: Model, one: Definition, remarks: list[str]) -> bool:
    if one.type in model.types:
        return True
    remarks.append(f"{one.type}/{one.id} was passed over: {model.version.name} has no {one.type}.")
    return False


def _ready(model: Model, package: Package, one: Definition, remarks: list[str]) -> _Ready:
    id = owned_id(package.label, one.type, one.id)
    resource = one.resource
    part = Part(id, entry(one.type, one.url, one.version, resource))
    try:
        if not model.validator.is_valid(resource):
            model.validator.check(resource)
        resource |= {"id": id, "meta": _meta(resource, package)}
        meta, rest = split_body(resource)
        rows, generation = model.indexer.rows(resource), model.generation
    except InvalidStructure as error:
        issue = error.issues[0]
        remarks.append(f"{one.type}/{one.id} cannot be searched: {issue.expression}: {issue.diagnostics}")
        return _Ready(part, None)
    return _Ready(part, Prepared(one.type, meta, rest, rows, model.version.value, generation))


def _meta(resource: dict[str, Any], package: Package) -> dict[str, Any]:
    meta = resource.get("meta", {})
    return {**meta, "tag": [*meta.get("tag", []), {"system": TAG, "code": package.label}]}


async def _write(tx: Transaction, type: str, id: str, prepared: Prepared) -> bool:
    """Write a definition unless it is there as it should be; whether it was written."""
    current = await tx.current(type, id)
    if current is not None and not current.deleted:
        same = join_body(type, id, current.version, current.updated, prepared.meta, prepared.rest)
        if same == current.body:
            return False
    tx.owner().put(type, id, prepared, "PUT")
    return True


async def _delete(tx: Transaction, type: str, id: str) -> bool:
    current = await tx.current(type, id)
    if current is None or current.deleted:
        return False
    tx.owner().delete(type, id)
    return True
