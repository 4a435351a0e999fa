"""Corners of search that a strict client asks about: https://hl7.org/fhir/R4/search.html."""

import httpx
import pytest

from tests.api.given import JSON, SYSTEM, unique


@pytest.mark.parametrize(
    "value", ["123456789.123456789", "-123456789.123456789", "100000000000000000000000000000", "0.1", "1e308", "1e-308"]
)
def test_a_number_finds_itself_however_many_digits_it_has(client: httpx.Client, value: str) -> None:
    tag = unique()
    body = (
        f'{{"resourceType":"Observation","meta":{{"tag":[{{"system":"{SYSTEM}","code":"{tag}"}}]}},"status":"final",'
        f'"code":{{"text":"x"}},"valueQuantity":{{"value":{value},"unit":"kg"}}}}'
    )
    assert client.post("/Observation", content=body, headers=JSON).status_code == 201

    def total(sought: str) -> int:
        return client.get("/Observation", params={"_tag": tag, "value-quantity": sought}).json()["total"]

    assert [total(f"{prefix}{value}") for prefix in ("", "eq", "ne", "ge", "le", "gt", "lt")] == [1, 1, 0, 1, 1, 0, 0]
