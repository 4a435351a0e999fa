"""Packages in the database: searchable and read-only, apart from the data of users, known to every process at once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from suture.api import packages
from suture.api.preparation import prepare_alone
from suture.api.services import Model, Services
from suture.fhir.packages import PackageRefused, read_package
from suture.store.check import check
from tests.api.given import created, issue, patient, post, put
from tests.api.opening import model_of, opened
from tests.api.test_search_parameters import found, wait_until_usable
from tests.packages import Json, archive, files, guide, parameter, profile
from tests.servers import Server

PROFILE = "https://example.org/guide/StructureDefinition/own-patient"


def content(version: str, *more: Json) -> bytes:
    return archive(files(profile("own-patient", version), guide(version), *more, version=version))


async def add(url: str, *archives: bytes) -> None:
    async with opened(url) as services:
        for data in archives:
            await packages.add(services, read_package(data))


def urls(client: httpx.Client, query: str) -> list[str]:
    answer = client.get(f"/StructureDefinition?{query}")
    assert answer.status_code == 200, answer.text
    return [f"{e['resource']['url']}|{e['resource']['version']}" for e in answer.json().get("entry", [])]


def capabilities(client: httpx.Client) -> tuple[list[str], list[str]]:
    """The guides, and the profiles of Patient, that the CapabilityStatement announces."""
    statement: Json = client.get("/metadata").json()
    (of_patient,) = [each for each in statement["rest"][0]["resource"] if each["type"] == "Patient"]
    return statement.get("implementationGuide", []), of_patient.get("supportedProfile", [])


@pytest.mark.anyio
async def test_from_loading_to_removing_with_servers_running(
    database_url: str, start_server: Callable[..., Server]
) -> None:
    with (
        httpx.Client(base_url=start_server(database_url).fhir, timeout=60) as client,
        httpx.Client(base_url=start_server(database_url).fhir, timeout=60) as other,
    ):
        assert capabilities(other) == ([], [])
        await add(database_url, content("1.0.0"), content("1.1.0"))
        for each in (client, other):
            # A search sees what is committed; what follows from it in memory is taken up within a moment.
            assert sorted(urls(each, f"url={PROFILE}")) == [f"{PROFILE}|1.0.0", f"{PROFILE}|1.1.0"]
            assert each.get("/$reindex").status_code == 200
            guides, profiles = capabilities(each)
            assert guides == [f"https://example.org/guide/ImplementationGuide/guide|{v}" for v in ("1.0.0", "1.1.0")]
            assert profiles == [PROFILE, f"{PROFILE}|1.0.0", f"{PROFILE}|1.1.0"]
        assert urls(client, f"url={PROFILE}&version=1.1.0") == [f"{PROFILE}|1.1.0"]
        assert urls(client, "_tag=urn:suture:package|example.guide@1.0.0") == [f"{PROFILE}|1.0.0"]
        are_read_only(client)
        are_apart_from_the_data_of_users(client)
        async with opened(database_url) as services:
            assert await packages.remove(services, "example.guide", "1.0.0") == 2
            assert [problem async for problem in check(services.store)] == []
        own = f"{PROFILE}|1.0.0"
        assert sorted(urls(client, f"url={PROFILE}")) == [own, f"{PROFILE}|1.1.0"]
        assert urls(client, f"url={PROFILE}&title=mine") == [own]
        assert client.get("/$reindex").status_code == 200
        guides, profiles = capabilities(client)
        assert guides == ["https://example.org/guide/ImplementationGuide/guide|1.1.0"]
        assert profiles == [PROFILE, own, f"{PROFILE}|1.1.0"]


def are_read_only(client: httpx.Client) -> None:
    resource: Json = client.get(f"/StructureDefinition?url={PROFILE}&version=1.0.0").json()["entry"][0]["resource"]
    path = f"/StructureDefinition/{resource['id']}"
    assert client.get(path).json() == resource
    for answer in (
        put(client, resource),
        client.delete(path),
        client.patch(
            path,
            json=[{"op": "replace", "path": "/name", "value": "Other"}],
            headers={"content-type": "application/json-patch+json"},
        ),
        put(client, resource | {"id": "package.of-mine"}),
        client.delete(f"/StructureDefinition?url={PROFILE}&version=1.0.0"),
        client.post(
            f"{path}/$meta-add",
            json={
                "resourceType": "Parameters",
                "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:t", "code": "x"}]}}],
            },
        ),
    ):
        assert answer.status_code == 405, answer.text
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert "read-only" in issue(answer)["diagnostics"]
    transaction = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": patient("in-vain"), "request": {"method": "POST", "url": "Patient"}},
            {"request": {"method": "DELETE", "url": path[1:]}},
        ],
    }
    assert client.post("/", json=transaction).status_code == 405
    assert client.get("/Patient?identifier=in-vain&_summary=count").json()["total"] == 0
    assert client.get(path).json() == resource


def are_apart_from_the_data_of_users(client: httpx.Client) -> None:
    own = created(client, profile("own-patient", "1.0.0", title="Mine"))
    for path in ("/_history", "/StructureDefinition/_history"):
        history: Json = client.get(path).json()
        assert {entry["resource"]["id"] for entry in history["entry"]} == {own["id"]}
    assert client.get("/StructureDefinition/_history?_summary=count").json()["total"] == 1
    assert len(urls(client, f"url={PROFILE}&version=1.0.0")) == 2


@pytest.mark.anyio
async def test_what_a_user_stored_counts_before_packages_and_these_before_the_specification(database_url: str) -> None:
    birth_place = profile(
        "x", "9.0.0", url="http://hl7.org/fhir/StructureDefinition/patient-birthPlace", kind="complex-type",
        type="Extension",
    )  # fmt: skip
    async with opened(database_url) as services, opened(database_url) as other:
        model, stranger = model_of(services), model_of(other)
        before = model.knowledge
        await packages.add(services, read_package(content("1.0.0", birth_place)))
        assert model.knowledge is not before
        found = model.knowledge.canonicals
        assert found.find("", PROFILE) == found.find("StructureDefinition", f"{PROFILE}|1.0.0")
        newest = found.find("StructureDefinition", birth_place["url"])
        assert newest is not None
        assert newest["version"] == "9.0.0"
        core = found.find("StructureDefinition", f"{birth_place['url']}|4.0.1")
        assert core is not None
        assert "snapshot" in core
        await store(services, profile("own-patient", "1.0.0", title="Mine"))
        assert title(model) == "Mine"
        await other.catalogue.refresh()
        assert title(stranger) == "Mine"
        await store(services, profile("own-patient", "1.0.0", title="Changed"))
        assert title(model) == "Changed"
        await services.store.write(lambda tx: gone(tx, "StructureDefinition", "own-patient"))
        assert title(model) is None
        await other.catalogue.refresh()
        assert title(stranger) is None
        assert stranger.knowledge.canonicals.find("", PROFILE) is not None


def title(model: Model) -> str | None:
    found = model.knowledge.canonicals.find("StructureDefinition", PROFILE)
    return found and found.get("title")


async def gone(tx: Any, type: str, id: str) -> None:
    await tx.current(type, id)
    tx.delete(type, id)


async def store(services: Services, resource: Json) -> None:
    prepared = prepare_alone(model_of(services), resource)

    async def work(tx: Any) -> None:
        await tx.current(resource["resourceType"], resource["id"])
        tx.put(resource["resourceType"], resource["id"], prepared, "PUT")

    await services.store.write(work)


@pytest.mark.anyio
async def test_loading_again_replaces_what_is_different(database_url: str) -> None:
    async with opened(database_url) as services:
        first = await packages.add(services, read_package(content("1.0.0", profile("second", "1.0.0"))))
        assert (first.written, first.removed, first.package.count) == (3, 0, 3)
        same = await packages.add(services, read_package(content("1.0.0", profile("second", "1.0.0"))))
        assert (same.written, same.removed) == (0, 0)
        changed = await packages.add(services, read_package(content("1.0.0", profile("third", "1.0.0"))))
        assert (changed.written, changed.removed) == (1, 1)
        canonicals = model_of(services).knowledge.canonicals
        assert canonicals.find("", PROFILE.replace("own-patient", "third")) is not None
        assert canonicals.find("", PROFILE.replace("own-patient", "second")) is None
        assert [held.label for held in await packages.listed(services)] == ["example.guide@1.0.0"]


@pytest.mark.anyio
async def test_two_processes_that_load_the_same_package_at_once_agree(database_url: str) -> None:
    async with opened(database_url) as services, opened(database_url) as other:
        package = read_package(content("1.0.0", *(profile(f"p{n}", "1.0.0") for n in range(20))))
        loaded = await asyncio.gather(packages.add(services, package), packages.add(other, package))
        assert sorted(each.written for each in loaded) == [0, 22]
        assert [held.count for held in await packages.listed(services)] == [22]
        for each in (services, other):
            await each.catalogue.refresh()
            assert model_of(each).knowledge.canonicals.find("", PROFILE) is not None


@pytest.mark.anyio
async def test_what_cannot_be_used_is_told(database_url: str) -> None:
    async with opened(database_url) as services:
        with pytest.raises(PackageRefused, match=r"for FHIR 5\.0\.0"):
            await packages.add(services, read_package(archive(files(profile("x", "1"), fhirVersions=["5.0.0"]))))
        with pytest.raises(PackageRefused, match="defines nothing"):
            await packages.add(services, read_package(archive(files())))
        with pytest.raises(PackageRefused, match="not loaded"):
            await packages.remove(services, "example.guide", "1.0.0")
        assert await packages.listed(services) == []
        wrong = profile("wrong", "1.0.0", status="finished")
        topic = {"resourceType": "SubscriptionTopic", "id": "t", "url": "urn:topic", "status": "draft"}
        loaded = await packages.add(services, read_package(content("1.0.0", wrong, topic)))
        invalid, unknown = sorted(loaded.package.manifest.remarks)
        assert "StructureDefinition/wrong cannot be searched" in invalid
        assert "R4 has no SubscriptionTopic" in unknown
        assert model_of(services).knowledge.canonicals.find("", wrong["url"]) is not None


@pytest.mark.anyio
async def test_search_parameters_of_packages_are_built_and_the_newest_version_holds(
    database_url: str, start_server: Callable[..., Server]
) -> None:
    with httpx.Client(base_url=start_server(database_url).fhir, timeout=60) as client:
        one = created(client, patient(contact=[{"name": {"family": "Zumthor", "given": ["Ada"]}}]))["id"]
        await add(
            database_url,
            content("2.0.0", parameter("contact-family", "2.0.0", "Patient.contact.name.given")),
            content(
                "1.0.0",
                parameter("contact-family", "1.0.0"),
                parameter("given", "1.0.0"),
                parameter("nowhere", "1.0.0", "Patient.contact.nothing"),
            ),
        )
        wait_until_usable(client, "contact-family")
        assert found(client, "contact-family=ada") == [one]
        assert found(client, "contact-family=zumthor") == []
        reasons = {
            parts["code"]["valueCode"]: parts["reason"]["valueString"]
            for entry in client.get("/$reindex").json()["parameter"]
            if "reason" in (parts := {part["name"]: part for part in entry["part"]})
        }
        assert "already has a search parameter 'given'" in reasons["given"]
        assert "leads to no element" in reasons["nowhere"]
        taken = post(client, "SearchParameter", parameter("contact-family", "1", url="https://example.org/mine"))
        assert taken.status_code == 422, taken.text
        created(
            client,
            parameter("contact-family", "3", "Patient.contact.name.text"),
        )
        wait_until_usable(client, "contact-family")
        assert found(client, "contact-family=ada") == []
        async with opened(database_url) as services:
            await packages.remove(services, "example.guide", "2.0.0")
        assert found(client, "contact-family=ada") == []


def test_published_guides_load_together(shared: Path, tmp_path: Path) -> None:
    """The files of a guide are read quickly enough to be loaded while somebody waits."""
    for path in sorted((shared / "packages").glob("hl7.fhir.u*.tgz")):
        started = time.process_time()
        package = read_package(path)
        assert time.process_time() - started < 1, path.name
        assert len(package.definitions) > 100
