"""What the terminology operations share: reading what they are asked, and what it is asked about.

Specification: https://hl7.org/fhir/R4/terminology-service.html. The one thing to know: a parameter that is not known is
passed over here, other than elsewhere, because the clients of HL7's terminology ecosystem send many that only some
servers know.
"""

from typing import Any, cast

from suture.api.http import Request, as_resource
from suture.api.interactions.patch import require
from suture.api.operations.inputs import read_pairs
from suture.api.operations.operation import parameter
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import Invalid
from suture.store.predicate import Predicate
from suture.terminology.asked import Asked
from suture.terminology.composing import Composed
from suture.terminology.desk import Question
from suture.terminology.problems import Problem, Refused

Json = dict[str, Any]

# Parameters that several operations have, as their definitions tell them.
VALUE_SET = (
    parameter("url", "in", "0..1", "uri", "The canonical URL of the value set."),
    parameter("valueSet", "in", "0..1", "ValueSet", "The value set itself."),
    parameter("valueSetVersion", "in", "0..1", "string", "The version of the value set."),
)
USE_SUPPLEMENT = parameter("useSupplement", "in", "0..*", "canonical", "Supplements to use.")
TX_RESOURCE = parameter("tx-resource", "in", "0..*", "Resource", "Definitions to use with those of the server.")
CACHE_ID = parameter("cache-id", "in", "0..1", "id", "Keep them under this name for later calls.")


class Call:
    """One call of a terminology operation. `body`: the resource that was sent instead of Parameters, or None."""

    def __init__(
        self, services: Services, model: Model, request: Request, values: dict[str, list[Any]], body: Json | None
    ) -> None:
        self._services = services
        self._model = model
        self._request = request
        self._values = values
        self.asked = Asked(values, request.header("accept-language"))
        self.body = body

    def question(self, *resources: Json) -> Question:
        """What it asks of the terminology. `resources`: of the server, that it is about."""
        return self._model.terms.question(self.asked, resources)

    def predicate(self, type: str) -> Predicate:
        """Which resources of a type its caller may see. Raises Forbidden."""
        return self._services.decide(self._request, type).predicate

    async def stored(self, type: str, id: str) -> Json:
        """The resource of an instance-level call. Raises NotFound, Gone."""
        found = await self._services.store.read(type, id, self.predicate(type))
        return json.decode(require(found, type, id).body)

    def sent(self, name: str, type: str) -> Json | None:
        """A resource that was sent as parameter `name`, or by itself. Raises Invalid."""
        value = self.asked.one(name)
        if value is None:
            value = self.body if self.body is not None and self.body["resourceType"] == type else None
        if value is None:
            return None
        resource = as_resource(value)
        if resource["resourceType"] != type:
            raise Invalid(f"The parameter {name!r} must be a {type}, not a {resource['resourceType'][:60]}.")
        return resource

    def of(self, values: dict[str, list[Any]]) -> "Call":
        """A call with other parameters within this one."""
        return Call(self._services, self._model, self._request, values, None)

    def shared(self, but: str) -> dict[str, list[Any]]:
        """The parameters of this call but one."""
        return {name: values for name, values in self._values.items() if name != but}

    async def value_set(self, question: Question, id: str | None) -> Composed:
        """The value set that it is about: of the instance, sent along, or named by `url`. Raises Invalid, Refused."""
        if id is not None:
            return await question.resource(await self.stored("ValueSet", id))
        resource = self.sent("valueSet", "ValueSet")
        if resource is not None:
            return await question.resource(resource)
        url = self.asked.text("url")
        if not url:
            problem = Problem("error", "invalid", "", "", "Must provide either a ValueSet resource or a url parameter")
            raise Refused(problem)
        version = self.asked.text("valueSetVersion")
        return await question.value_set(f"{url.partition('|')[0]}|{version}" if version else url)

    def element(self, name: str) -> Json | None:
        """A parameter that is a Coding or CodeableConcept; a Coding may be written system|code in a URL."""
        value = self.asked.one(name)
        if value is None:
            return None
        if isinstance(value, str):
            system, bar, code = value.rpartition("|")
            return {"system": system, "code": code} if bar else {"code": value}
        if not isinstance(value, dict):
            raise Invalid(f"The parameter {name!r} must be a Coding or a CodeableConcept.")
        return cast(Json, value)


async def read_call(services: Services, model: Model, request: Request, type: str) -> Call:
    """Read a call. `type`: the resource type that it is made on. Raises Invalid, Forbidden."""
    services.decide(request, type)
    pairs, body = await read_pairs(request)
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Call(services, model, request, values, body)
