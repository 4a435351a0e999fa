"""`_explain=true` shows an administrator how a search is answered, and nobody else."""

from typing import Any

import httpx
import pytest

from suture.access.decision import ALLOW_ALL, Decision
from suture.api.explanation import take_explain
from suture.fhir.outcomes import Forbidden
from tests.api.given import created, issue, observation, patient

FORM = {"content-type": "application/x-www-form-urlencoded"}


def values(parameters: list[dict[str, Any]], name: str) -> list[Any]:
    return [
        value
        for entry in parameters
        if entry["name"] == name
        for key, value in entry.items()
        if key == "part" or key.startswith("value")
    ]


def test_it_tells_plan_statements_rows_and_times(client: httpx.Client) -> None:
    about = f"Patient/{created(client, patient())['id']}"
    for _ in range(3):
        created(client, observation(about))
    query = f"subject={about}&status=final"
    explained = client.get(f"/Observation?{query}&_explain=true")
    assert explained.status_code == 200, explained.text
    told = explained.json()
    assert told["resourceType"] == "Parameters"
    parameters = told["parameter"]
    assert values(parameters, "plan")
    assert any(text.startswith("reads ") for text in values(parameters, "filter"))
    assert values(parameters, "realRows") == [3]
    assert values(parameters, "estimatedRows")[0] >= 0
    assert 0 < values(parameters, "seconds")[0] < 10
    (*_, page) = values(parameters, "step")
    (sql,) = values(page, "sql")
    assert sql.startswith(("select", "with"))
    assert values(page, "engine")
    assert about not in explained.text and "final" not in sql
    assert client.post("/Observation/_search", content=f"{query}&_explain=true", headers=FORM).json()["parameter"]


def test_false_is_the_search_itself(client: httpx.Client) -> None:
    bundle = client.get("/Patient?_id=x&_explain=false").json()
    assert bundle["type"] == "searchset"
    assert "_explain" not in bundle["link"][0]["url"]
    wrong = client.get("/Patient?_explain=yes")
    assert (wrong.status_code, "_explain" in issue(wrong)["diagnostics"]) == (400, True)


def test_a_wrong_search_is_refused_as_ever(client: httpx.Client) -> None:
    assert client.get("/Patient?famly=x&_explain=true").status_code == 400


def test_it_is_for_administrators() -> None:
    with pytest.raises(Forbidden, match="administrators"):
        take_explain([("_explain", "true")], Decision(ALLOW_ALL))
    assert take_explain([("a", "b"), ("_explain", "false")], Decision(ALLOW_ALL)) == ([("a", "b")], False)
