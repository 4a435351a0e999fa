"""Loaded code systems through the FHIR API: operations, implicit value sets, searches."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from suture.cli.target import Target, embedded
from suture.settings import load
from tests.terminology import edition as e
from tests.terminology.content.loaded import add
from tests.terminology.snomed import METADATA

pytestmark = pytest.mark.anyio

SNOMED = "http://snomed.info/sct"


async def ask(server: Target, path: str, status: int = 200, **query: object) -> dict[str, Any]:
    answer = await server.request("GET", f"{path}?{urlencode(query)}" if query else path)
    assert answer.status == status, answer.body
    return msgspec.json.decode(answer.body)


def parts(parameters: dict[str, Any]) -> dict[str, Any]:
    """The single values of Parameters."""
    return {
        one["name"]: next((value for name, value in one.items() if name.startswith("value")), None)
        for one in parameters["parameter"]
    }


def displays(contains: list[dict[str, Any]]) -> set[str]:
    """The displays of an expansion, nested or not."""
    return {one["display"] for one in contains}.union(*(displays(one.get("contains", [])) for one in contains))


def role_groups(parameters: dict[str, Any]) -> list[set[tuple[str, str]]]:
    """The attributes and values of each role group of a `$lookup`."""
    return [
        {(inner["part"][0]["valueCode"], inner["part"][1]["valueCode"]) for inner in one["part"][1:]}
        for one in parameters["parameter"]
        if one["name"] == "property" and one["part"][0] == {"name": "code", "valueCode": "609096000"}
    ]


async def test_relationships_stand_in_their_role_groups(snomed_url: str) -> None:
    settings = load({"database": snomed_url}, {}, None, {}).settings
    async with embedded(settings) as server:
        groups = [
            {(str(e.FINDING_SITE), str(e.BRONCHUS)), (str(e.MORPHOLOGY), str(e.EDEMA))},
            {(str(e.FINDING_SITE), str(e.LUNG)), (str(e.MORPHOLOGY), str(e.INFLAMMATION))},
        ]
        everything = await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA)
        assert role_groups(everything) == groups
        agent = [{"name": "code", "valueCode": str(e.AGENT)}, {"name": "value", "valueCode": str(e.VIRUS)}]
        assert {"name": "property", "part": agent} in everything["parameter"], "it is in no group"
        asked = await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA, property="609096000")
        assert role_groups(asked) == groups
        assert len([one for one in asked["parameter"] if one["name"] == "property"]) == 2
        one = await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA, property=e.FINDING_SITE)
        found = [each["part"][1]["valueCode"] for each in one["parameter"] if each["name"] == "property"]
        assert found == [str(e.BRONCHUS), str(e.LUNG)], "an attribute that is asked for by name has its values"


async def test_snomed_ct_through_the_api(snomed_url: str) -> None:
    settings = load({"database": snomed_url}, {}, None, {}).settings
    async with embedded(settings) as server:
        asthma = parts(await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA))
        assert (asthma["display"], asthma["version"]) == ("Asthma", e.VERSION)
        british = await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA, displayLanguage="en-GB")
        assert parts(british)["display"] == "Bronchial asthma"
        properties = {
            (one["part"][0]["valueCode"], list(one["part"][1].values())[1])
            for one in (await ask(server, "CodeSystem/$lookup", system=SNOMED, code=e.ASTHMA))["parameter"]
            if one["name"] == "property" and one["part"][1]["name"] == "value"
        }
        assert {(str(e.AGENT), str(e.VIRUS)), ("parent", str(e.LUNG_DISORDER)), ("inactive", False)} <= properties

        right = await ask(server, "CodeSystem/$validate-code", url=SNOMED, code=e.ASTHMA, display="Bronchial asthma")
        assert parts(right)["result"] is True
        wrong = await ask(server, "CodeSystem/$validate-code", url=SNOMED, code=12345678)
        assert parts(wrong)["result"] is False
        subsumed = await ask(server, "CodeSystem/$subsumes", system=SNOMED, codeA=e.PNEUMONIA, codeB=e.VIRAL)
        assert parts(subsumed)["outcome"] == "subsumes"

        constraint = f"<< {e.LUNG_DISORDER} : {{ {e.FINDING_SITE} = << {e.LUNG}, {e.MORPHOLOGY} = {e.INFLAMMATION} }}"
        url = f"{SNOMED}?fhir_vs=ecl/{quote(constraint)}"
        found = (await ask(server, "ValueSet/$expand", url=url))["expansion"]
        assert displays(found["contains"]) == {"Pneumonia", "Bacterial pneumonia", "Viral pneumonia", "Asthma"}
        filtered = (await ask(server, "ValueSet/$expand", url=url, filter="pneu bact"))["expansion"]
        assert [one["code"] for one in filtered["contains"]] == [str(e.BACTERIAL)]
        member = await ask(server, "ValueSet/$validate-code", url=url, system=SNOMED, code=e.VIRAL)
        assert parts(member)["result"] is True
        other = await ask(server, "ValueSet/$validate-code", url=url, system=SNOMED, code=e.LUNG)
        assert parts(other)["result"] is False
        # terms between bars, of which none begins a version
        named = f"<< {e.LUNG_DISORDER} |Disorder of lung| : {e.AGENT} |Causative agent| = {e.BACTERIUM} |Bacteria|"
        for text in (named, quote(named), f"{named}|{e.VERSION}"):
            found = (await ask(server, "ValueSet/$expand", url=f"{SNOMED}?fhir_vs=ecl/{text}"))["expansion"]
            assert [one["code"] for one in found["contains"]] == [str(e.BACTERIAL)], text
        broken = await ask(server, "ValueSet/$expand", 400, url=f"{SNOMED}?fhir_vs=ecl/{quote('<< ')}")
        assert "at character 4" in msgspec.json.encode(broken).decode()

        condition = {
            "resourceType": "Condition",
            "subject": {"reference": "Patient/nobody"},
            "code": {"coding": [{"system": SNOMED, "code": str(e.VIRAL)}]},
        }
        created = await server.request("POST", "Condition", msgspec.json.encode(condition))
        assert created.status == 201, created.body
        for query in (
            {"code:below": f"{SNOMED}|{e.PNEUMONIA}"},
            {"code:in": f"{SNOMED}?fhir_vs=isa/{e.LUNG_DISORDER}"},
            {"code:in": url},
        ):
            assert (await ask(server, "Condition", **query))["entry"], query
        assert not (await ask(server, "Condition", **{"code:below": f"{SNOMED}|{e.BACTERIAL}"})).get("entry")


async def test_a_value_set_by_rule_is_of_the_version_that_is_asked_for(
    small_edition: e.Edition, tmp_path: Path
) -> None:
    e.write_extension(tmp_path / "extension")
    database = f"sqlite:///{tmp_path / 'editions.db'}"
    await add(database, small_edition.folder)
    await add(database, small_edition.folder, tmp_path / "extension")
    edition = f"{SNOMED}/{e.EXTENSION_MODULE}"
    async with embedded(load({"database": database}, {}, None, {}).settings) as server:

        async def found(url: str, **more: str) -> set[str]:
            answer = await ask(server, "ValueSet/$expand", url=url, filter="beer", **more)
            return displays(answer["expansion"].get("contains", []))

        for query in (f"isa/{e.LUNG_DISORDER}", f"ecl/< {e.LUNG_DISORDER} |Disorder of lung|"):
            url = f"{SNOMED}?fhir_vs={query}"
            assert await found(url) == set(), "the International edition is the default"
            assert await found(f"{url}|{edition}") == {"Beer lung"}
            assert await found(url, valueSetVersion=f"{edition}/version/20240315") == {"Beer lung"}
            assert await found(url, **{"system-version": f"{SNOMED}|{edition}"}) == {"Beer lung"}
            assert await found(f"{edition}?fhir_vs={query}") == {"Beer lung"}


def matched(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Equivalence and code of each match of a `$translate`."""
    found: list[tuple[str, str]] = []
    for one in parameters["parameter"]:
        if one["name"] == "match":
            parts = {part["name"]: part for part in one["part"]}
            code = parts["concept"]["valueCoding"]["code"] if "concept" in parts else ""
            found.append((parts["equivalence"]["valueCode"], code))
    return found


async def test_reference_sets_are_concept_maps(snomed_url: str) -> None:
    settings = load({"database": snomed_url}, {}, None, {}).settings
    async with embedded(settings) as server:

        async def translated(refset: str, code: object, base: str = SNOMED, **more: object) -> list[tuple[str, str]]:
            url = f"{base}?fhir_cm={METADATA[refset]}"
            query = {"url": url, "system": SNOMED, "code": code} | more
            return matched(await ask(server, "ConceptMap/$translate", **query))

        assert await translated("same as", e.OLD_ASTHMA) == [("equal", str(e.ASTHMA))]
        assert await translated("same as", e.OLD_ASTHMA, e.VERSION) == [("equal", str(e.ASTHMA))]
        assert await translated("replaced by", e.OLD_PNEUMONIA) == [("equivalent", str(e.PNEUMONIA))]
        assert await translated("possibly", e.MAYBE_ASTHMA) == [("inexact", str(e.ASTHMA))]
        assert await translated("same as", e.MAYBE_ASTHMA) == [], "the row is not active"
        assert await translated("same as", e.ASTHMA) == []
        assert await translated("same as", e.ASTHMA, reverse="true") == [("equal", str(e.OLD_ASTHMA))]
        assert await translated("map refset", e.ASTHMA) == [("relatedto", "J45.9")]
        icd = "http://hl7.org/fhir/sid/icd-10"
        assert await translated("map refset", e.ASTHMA, targetsystem=icd) == [("relatedto", "J45.9")]
        back = await translated("map refset", "J18.9", system=icd, reverse="true")
        assert back == [("relatedto", str(e.PNEUMONIA))]
        for unknown in (f"{SNOMED}?fhir_cm={METADATA['simple refset']}", f"{SNOMED}/32506021000036107?fhir_cm=1"):
            await ask(server, "ConceptMap/$translate", 404, url=unknown, system=SNOMED, code=e.ASTHMA)


def sought(code: int, value: int) -> dict[str, Any]:
    """A property or subproperty with a code as its value."""
    return {"part": [{"name": "code", "valueCode": str(code)}, {"name": "value", "valueCode": str(value)}]}


async def test_codes_are_found_by_their_role_groups(snomed_url: str) -> None:
    settings = load({"database": snomed_url}, {}, None, {}).settings
    swollen_bronchus = [(e.FINDING_SITE, e.BRONCHUS), (e.MORPHOLOGY, e.EDEMA)]
    swollen_lung = [(e.FINDING_SITE, e.LUNG), (e.MORPHOLOGY, e.EDEMA)]
    async with embedded(settings) as server:

        async def found(*properties: dict[str, Any]) -> set[str]:
            given = [{"name": "property", **one} for one in properties]
            exact = [{"name": "system", "valueUri": SNOMED}, {"name": "exact", "valueBoolean": True}]
            body = msgspec.json.encode({"resourceType": "Parameters", "parameter": [*exact, *given]})
            answer = await server.request("POST", "CodeSystem/$find-matches", body)
            assert answer.status == 200, answer.body
            matches = msgspec.json.decode(answer.body).get("parameter", ())
            return {one["part"][0]["valueCoding"]["code"] for one in matches}

        def group(pairs: list[tuple[int, int]]) -> dict[str, Any]:
            inner = [{"name": "subproperty", **sought(*pair)} for pair in pairs]
            return {"part": [{"name": "code", "valueCode": "609096000"}, *inner]}

        assert str(e.ASTHMA) in await found(group(swollen_bronchus))
        assert str(e.ASTHMA) in await found(*(sought(*pair) for pair in swollen_lung))
        assert await found(group(swollen_lung)) == set(), "the two are never in one group"
