"""What the terminology operations share: reading what they are asked, and what it is asked about.

Specification: https://hl7.org/fhir/R4/terminology-service.html. The one thing to know: a parameter that is not known is
passed over here, other than elsewhere, because the clients of HL7's terminology ecosystem send many that only some
servers know.
"""

import asyncio
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from suture.api.http import Request, Response, as_resource
from suture.api.interactions.patch import require
from suture.api.operations.inputs import read_pairs
from suture.api.operations.operation import Handler, parameter
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.dates import bounds
from suture.fhir.outcomes import FhirError, Invalid
from suture.store.predicate import Predicate
from suture.terminology.asked import Asked
from suture.terminology.composing import Composed
from suture.terminology.dated import DatedLibrary
from suture.terminology.desk import Question
from suture.terminology.problems import Refused, bad_request, told

if TYPE_CHECKING:
    from suture.fhir.profiles import contexts
else:
    contexts = deferred("suture.fhir.profiles.contexts")

Json = dict[str, Any]

# Parameters that several operations have, as their definitions tell them.
VALUE_SET = (
    parameter("url", "in", "0..1", "uri", "The canonical URL of the value set."),
    parameter("valueSet", "in", "0..1", "ValueSet", "The value set itself."),
    parameter("valueSetVersion", "in", "0..1", "string", "The version of the value set."),
)
CONTEXT = parameter("context", "in", "0..1", "uri", "Instead: the element that is bound to it, URL#path or Type.path.")
DATE = parameter("date", "in", "0..1", "dateTime", "Use the definitions of this day.")
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
        """What it asks of the terminology, by the definitions of its `date`. `resources`: of the server, that it is
        about. Raises Invalid.
        """
        question = self._model.terms.question(self.asked, resources)
        date = self.asked.text("date")
        if date:
            try:
                moment = bounds(date.replace(" ", "+"))[1]
            except ValueError as error:
                raise Invalid(f"The parameter 'date' is wrong: {error}") from None
            if moment < time.time() * 1_000_000:
                question.on(moment, date)
        return question

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
        """The value set that it is about: of the instance, sent along, named by `url`, or that of an element. Raises
        Invalid, NotFound, Refused.
        """
        if id is not None:
            stored = await self.stored("ValueSet", id)
            if isinstance(question.library, DatedLibrary):
                question.library.check(stored)
            return await question.resource(stored)
        resource = self.sent("valueSet", "ValueSet")
        if resource is not None:
            return await question.resource(resource)
        url = self.asked.text("url")
        if not url and self.asked.has("context"):
            return await question.value_set(await self._bound())
        if not url:
            raise bad_request("Must provide either a ValueSet resource or a url parameter")
        version = self.asked.text("valueSetVersion")
        return await question.value_set(f"{url.partition('|')[0]}|{version}" if version else url)

    async def _bound(self) -> str:
        """The value set of an element. Bindings say the same for both directions. Raises Invalid, NotFound."""
        if self.asked.text("contextDirection") not in ("", "incoming", "outgoing"):
            raise Invalid("The parameter 'contextDirection' must be incoming or outgoing.")
        library = self._model.judge.library
        return await asyncio.to_thread(contexts.bound_value_set, library, self.asked.text("context"))

    def element(self, name: str) -> Json | None:
        """A parameter that is a Coding or CodeableConcept; a Coding may be written system|code in a URL."""
        value = self.asked.one(name)
        if value is None:
            return None
        if isinstance(value, str) and not name.lower().endswith("concept"):
            system, bar, code = value.rpartition("|")
            return {"system": system, "code": code} if bar else {"code": value}
        given = cast(Json, value) if isinstance(value, dict) else {}
        codings: Any = given.get("coding", [])
        if not given or not isinstance(codings, list) or not all(map(_is_coding, (given, *cast("list[Any]", codings)))):
            raise Invalid(f"The parameter {name!r} must be a Coding or a CodeableConcept.")
        return given


def _is_coding(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    coding = cast(Json, value)
    return all(isinstance(coding.get(name, ""), str) for name in ("system", "version", "code", "display"))


async def read_call(services: Services, model: Model, request: Request, type: str) -> Call:
    """Read a call. `type`: the resource type that it is made on. Raises Invalid, Forbidden."""
    services.decide(request, type)
    pairs, body = await read_pairs(request)
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return Call(services, model, request, values, body)


MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What sent resources and values may raise: they are taken as they are, and only looked at closely when they fail."""

MAX_FAULTS = 20
"""Faults of what was sent that one answer tells."""


def terminological(handler: Handler) -> Handler:
    """The same, but all its errors are told as the terminology ecosystem wants: with a text and a code for programs."""

    @wraps(handler)
    async def handle(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
        try:
            return await handler(services, model, request, type, id)
        except Refused:
            raise
        except FhirError as error:
            if error.status >= 500:
                raise
            raise told(error) from error
        except MALFORMED as error:
            raise await explained(model, request, error) from error

    return handle


async def explained(model: Model, request: Request, error: Exception) -> Exception:
    """What is wrong with a request that could not be worked with, or with what its cache has, which is then given up;
    `error` itself where nothing is.
    """
    try:
        sent = await request.resource()
        caches = [one.get("valueId") or one.get("valueString") for one in _named(sent, "cache-id")]
        resources = [sent, *(one for name in caches for one in model.terms.forget(f"{name}"))]
        faults = [fault for one in resources for fault in model.validator.issues(one)]
    except RecursionError:
        return told(Invalid("What was sent is nested too deeply."))
    except FhirError:
        return error
    wrong = [one for one in faults if one.severity in ("error", "fatal")]
    return told(Invalid(issues=wrong[:MAX_FAULTS])) if wrong else error


def _named(sent: Json, name: str) -> list[Json]:
    """The parameters of a name in a body of whatever form."""
    listed: Any = sent.get("parameter")
    given = cast("list[Any]", listed) if isinstance(listed, list) else []
    return [cast(Json, one) for one in given if isinstance(one, dict) and cast(Json, one).get("name") == name]
