"""Loaded code systems through the FHIR API: operations, implicit value sets, searches."""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from suture.cli.target import Target, embedded
from suture.settings import load
from tests.terminology import edition as e

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
            if one["name"] == "property"
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
