"""Ways to ask a server by GraphQL."""

from typing import Any

import httpx


def ask(client: httpx.Client, query: str, place: str = "", **variables: Any) -> httpx.Response:
    """The answer to a query at `place`, such as `/Patient/1`."""
    return client.post(f"{place}/$graphql", json={"query": query, "variables": variables})


def data(client: httpx.Client, query: str, place: str = "", **variables: Any) -> Any:
    """The data of the answer, which must be one."""
    answer = ask(client, query, place, **variables)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.json().keys() == {"data"}
    return answer.json()["data"]


def refusal(client: httpx.Client, query: str, place: str = "", **variables: Any) -> dict[str, Any]:
    """The first error of the answer, with its status added."""
    answer = ask(client, query, place, **variables)
    body = answer.json()
    assert body["data"] is None
    error = body["errors"][0]
    outcome = error["extensions"]["resource"]
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["diagnostics"] == error["message"]
    return {**error, "status": answer.status_code, "code": outcome["issue"][0]["code"]}
