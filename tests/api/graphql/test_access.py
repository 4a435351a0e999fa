"""A query reads nothing that its caller could not read by itself: each type has its own decision and predicate."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from suture.access import Decision
from suture.api.graphql.answer import answer_query
from suture.api.graphql.document import Asked
from suture.api.graphql.faults import QueryError
from suture.api.http import Limits, Request
from suture.api.preparation import prepare
from suture.api.services import Services
from suture.app import open_services
from suture.fhir import json
from suture.fhir.outcomes import Forbidden
from suture.fhir.versions import Version
from suture.settings import Settings
from suture.store.rows import Prepared
from suture.store.transaction import Transaction
from tests.api.given import observation, patient


class Nobody:
    """The predicate that hides every resource."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        return f"{alias}.id = {bind('none')}"

    def allows(self, type: str, body: bytes) -> bool:
        return False


class Guarded(Services):
    """Services that note what is asked for, hide practitioners, and forbid to search conditions."""

    def decide(self, request: Request, type: str) -> Decision:
        self.asked.append((request.interaction, type))
        if (request.interaction, type) == ("search-type", "Condition"):
            raise Forbidden("No conditions.")
        decision = super().decide(request, type)
        return Decision(Nobody()) if type == "Practitioner" else decision

    asked: list[tuple[str, str]]


QUERY = """{ Patient(id: "p") {
    ObservationList(_reference: patient) { subject { resource { id } } performer { resource(optional: true) { id } } }
} }"""


async def written(id: str, prepared: Prepared, tx: Transaction) -> None:
    await tx.current(prepared.type, id)
    tx.put(prepared.type, id, prepared, "PUT")


@pytest.mark.anyio
async def test_every_read_has_its_own_decision(database_url: str) -> None:
    opened = await open_services(Settings(database=database_url, read_connections=2))
    services = Guarded(opened.settings, opened.store, opened.models, opened.observe)
    services.asked = []
    model = services.models[Version.R4]
    try:
        resources = [
            {**patient(), "id": "p"},
            {"resourceType": "Practitioner", "id": "d"},
            {**observation("Patient/p", performer=[{"reference": "Practitioner/d"}]), "id": "o"},
        ]
        for resource in resources:
            await services.store.write(partial(written, resource["id"], prepare(model, resource)))

        async def ask(query: str) -> Any:
            limits = Limits(1000, 1000)
            request = Request("POST", "$graphql", "", {}, base="http://x", version=Version.R4, id="1", limits=limits)
            request.interaction = "$graphql"
            return json.decode(await answer_query(services, model, request, Asked(query, {}), None, None))

        assert await ask(QUERY) == {
            "Patient": {"ObservationList": [{"subject": {"resource": {"id": "p"}}, "performer": [{}]}]}
        }
        assert sorted(set(services.asked)) == [
            ("$graphql", ""),
            ("read", "Patient"),
            ("read", "Practitioner"),
            ("search-type", "Observation"),
        ]
        with pytest.raises(Forbidden):
            await ask("{ ConditionList { id } }")
        with pytest.raises(QueryError):
            await ask(QUERY.replace("(optional: true)", ""))
    finally:
        await services.store.close()
