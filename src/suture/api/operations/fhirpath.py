"""$fhirpath: evaluates an expression on a resource that is sent along, as the public FHIRPath servers do.

Form: https://github.com/brianpos/fhirpath-lab/blob/master/server-api.md. The one thing to know: evaluation is bounded
work in a thread of its own; what it must ask of the database or the terminology is asked between two attempts.
"""

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from suture import __version__
from suture.api.http import Request, Response, as_resource, resource_response
from suture.api.operations.fhirpath_answers import MAX_QUESTIONS, Answers
from suture.api.operations.operation import Definition, Operation, group, parameter
from suture.api.services import Model, Services
from suture.api.shapes import as_array, as_object
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.definitions import load
from suture.fhir.fhirpath import (
    Budget,
    FhirPathBudgetError,
    FhirPathError,
    FhirPathEvaluationError,
    Item,
    Unanswered,
    parse,
)
from suture.fhir.outcomes import Invalid, TooCostly, Unprocessable
from suture.fhir.versions import Version

if TYPE_CHECKING:
    from suture.fhir import fhirpath as paths
    from suture.fhir import xml
    from suture.fhir.fhirpath import navigation
    from suture.fhir.fhirpath import parameters as form
    from suture.fhir.fhirpath.stepping import Step
else:
    xml = deferred("suture.fhir.xml")
    paths = deferred("suture.fhir.fhirpath")
    navigation = deferred("suture.fhir.fhirpath.navigation")
    form = deferred("suture.fhir.fhirpath.parameters")

Json = dict[str, Any]

XML_VALUE = "http://fhir.forms-lab.com/StructureDefinition/xml-value"
MAX_CONTEXTS = 200
"""Items of the context on which the expression is evaluated."""
MAX_STEPS = 1_000_000
MAX_SECONDS = 2.0


def _optional(name: str, use: str, most: str, type: str, documentation: str) -> Definition:
    return parameter(name, use, f"0..{most}", type, documentation)


DEFINITION: Definition = {
    "resourceType": "OperationDefinition",
    "id": "fhirpath",
    "url": "urn:suture:operation:fhirpath",
    "name": "FHIRPath",
    "title": "Evaluate FHIRPath",
    "status": "active",
    "kind": "operation",
    "description": "Evaluates a FHIRPath expression on the resource that is sent, in the form of the public FHIRPath "
    "servers. References are resolved in this server, codes looked up in its terminology.",
    "affectsState": False,
    "code": "fhirpath",
    "resource": ["Resource"],
    "system": True,
    "type": False,
    "instance": False,
    "parameter": [
        parameter("expression", "in", "1..1", "string", "The expression."),
        _optional("resource", "in", "1", "Resource", "What it is evaluated on, also as JSON or XML in an extension."),
        _optional("context", "in", "1", "string", "An expression; the expression is evaluated on each of its items."),
        _optional("validate", "in", "1", "boolean", "false: elements that no type has are no error."),
        _optional("debug_trace", "in", "1", "boolean", "true: the answer has each step of the evaluation."),
        _optional("terminologyserver", "in", "1", "string", "Ignored: this server's terminology is used."),
        group(
            "variables",
            "in",
            "0..*",
            "Values to be used as %name.",
            _optional("name", "in", "*", "Element", "Has the name of the variable, and its value."),
        ),
        group(
            "parameters",
            "out",
            "1..1",
            "Who answered, and what was asked.",
            parameter("evaluator", "out", "1..1", "string", "Name, version, FHIR version."),
            parameter("parseDebugTree", "out", "1..1", "string", "The syntax tree as JSON."),
        ),
        group(
            "result",
            "out",
            "0..*",
            "Of each item of the context.",
            _optional("type", "out", "*", "Element", "Has the name of the type of a value, and the value."),
            _optional("trace", "out", "*", "string", "The name of a trace; its parts are the values."),
        ),
        group(
            "debug-trace",
            "out",
            "0..*",
            "The steps for each item of the context.",
            _optional("step", "out", "*", "Element", "Is named for position, length and name; its parts are values."),
        ),
    ],
}


class Asked(NamedTuple):
    """What is to be evaluated. `variables`: a part for each value; `given`: the parameters as they came, to be shown
    in the answer."""

    expression: str
    context: str
    resource: Json | None
    variables: list[Json]
    strict: bool
    given: list[Json]
    stepwise: bool = False


class Result(NamedTuple):
    """The outcome for one item of the context. `place`: where that is, "" for the resource itself.

    `steps`: how it came about, where that was asked for.
    """

    place: str
    items: list[Item]
    traces: list[tuple[str, list[Item]]]
    steps: "list[Step]"


@cache
def _engine(version: Version) -> "paths.Engine":
    return paths.Engine(load(version))


async def fhirpath(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`POST [base]/$fhirpath`."""
    decision = services.decide(request, "")
    asked = await _asked(request, model.version)
    engine = _engine(model.version)
    answers = Answers(services, model, request, decision.predicate)
    try:
        results = await _results(engine, asked, answers)
    except FhirPathBudgetError as error:
        raise TooCostly(str(error)) from None
    except FhirPathEvaluationError as error:
        raise Unprocessable(str(error)) from None
    except FhirPathError as error:
        raise Invalid(str(error)) from None
    return resource_response(200, _answer(engine, asked, results))


async def _results(engine: "paths.Engine", asked: Asked, answers: Answers) -> list[Result]:
    for _ in range(MAX_QUESTIONS):
        try:
            return await asyncio.to_thread(_evaluated, engine, asked, answers)
        except Unanswered as wanted:
            await answers.ask(wanted.question)
    raise TooCostly(f"The expression asks for more than {MAX_QUESTIONS} references and codes.")


def _evaluated(engine: "paths.Engine", asked: Asked, answers: Answers) -> list[Result]:
    budget = Budget(MAX_STEPS, MAX_SECONDS)
    focus = None if asked.resource is None else engine.item(asked.resource)
    environment = engine.environment(asked.resource, budget=budget, host=answers)
    environment.variables = _variables(engine, asked.variables)
    places: list[tuple[str, Item | None]] = [("", focus)]
    if asked.context:
        expression = engine.located(asked.context, focus=_type(engine, focus, asked))
        found = expression.items(focus, environment)
        if len(found) > MAX_CONTEXTS:
            raise FhirPathBudgetError(f"The context has {len(found)} items; {MAX_CONTEXTS} are possible")
        places = [
            (navigation.path_of(item, short=True) or f"{asked.context}[{at}]", item) for at, item in enumerate(found)
        ]
    results: list[Result] = []
    for place, item in places:
        answers.traced = []
        expression, steps = _compiled(engine, asked, _type(engine, item, asked))
        items = expression.items(item, environment)
        results.append(Result(place, items, answers.traced, steps))
    return results


def _compiled(engine: "paths.Engine", asked: Asked, type: str | None) -> "tuple[paths.Expression, list[Step]]":
    if asked.stepwise:
        return engine.stepping(asked.expression, focus=type)
    return engine.located(asked.expression, focus=type), []


def _type(engine: "paths.Engine", item: Item | None, asked: Asked) -> str | None:
    return None if item is None or not asked.strict else engine.path(item)


async def _asked(request: Request, version: Version) -> Asked:
    body = await request.resource() if request.method == "POST" and await request.body() else None
    query = {name: request.parameter(name) for name in ("expression", "context")}
    if body is None or body["resourceType"] != "Parameters":
        given = [{"name": name, "valueString": value} for name, value in query.items() if value]
        if not query["expression"]:
            raise Invalid("The operation needs the parameter 'expression': a FHIRPath expression.")
        return Asked(query["expression"], query["context"], body, [], True, given)
    given = [entry for one in as_array(body.get("parameter")) or [] if (entry := as_object(one)) is not None]
    by_name = {str(entry.get("name")): entry for entry in given}
    expression = _text(by_name, "expression") or query["expression"]
    if not expression:
        raise Invalid("The operation needs the parameter 'expression': a FHIRPath expression.")
    strict = by_name.get("validate", {}).get("valueBoolean") is not False
    stepwise = by_name.get("debug_trace", {}).get("valueBoolean") is True
    resource = _resource(by_name["resource"], version) if "resource" in by_name else None
    variables = [
        part
        for entry in given
        if entry.get("name") == "variables"
        for one in as_array(entry.get("part")) or []
        if (part := as_object(one)) is not None
    ]
    return Asked(
        expression, _text(by_name, "context") or query["context"], resource, variables, strict, given, stepwise
    )


def _text(by_name: dict[str, Json], name: str) -> str:
    value = next((value for key, value in by_name.get(name, {}).items() if key.startswith("value")), "")
    if not isinstance(value, str):
        raise Invalid(f"The parameter {name!r} must be a string.")
    return value


def _resource(entry: Json, version: Version) -> Json:
    """The resource of a parameter, or of the JSON or XML text that it has in its place."""
    if "resource" in entry:
        return as_resource(entry["resource"])
    found = _embedded(entry)
    if found is None and isinstance(entry.get("valueString"), str):
        text = str(entry["valueString"])
        found = (XML_VALUE if text.lstrip().startswith("<") else form.JSON_VALUE), text
    if found is None:
        raise Invalid("The parameter 'resource' has no resource, and no JSON or XML text in its extension.")
    url, text = found
    return xml.decode(text.encode(), load(version)) if url == XML_VALUE else as_resource(json.decode(text.encode()))


def _embedded(entry: Json) -> tuple[str, str] | None:
    """The text of a value that no `value[x]` can hold, and the URL of the extension that has it."""
    for holder in (entry, as_object(entry.get("_valueString")) or {}):
        for one in as_array(holder.get("extension")) or []:
            extension = as_object(one) or {}
            url, text = extension.get("url"), extension.get("valueString")
            if isinstance(text, str) and url in (form.JSON_VALUE, XML_VALUE):
                return str(url), text
    return None


def _variables(engine: "paths.Engine", parts: list[Json]) -> dict[str, list[Item]]:
    """The variables by name, each value with the type that its `value[x]` says."""
    found: dict[str, list[Item]] = {}
    fields = engine.model.type("Parameters.parameter").fields
    for part in parts:
        name = part.get("name")
        if not isinstance(name, str):
            raise Invalid("A variable needs a name.")
        items = found.setdefault(name, [])
        embedded = _embedded(part)
        if embedded is not None:
            url, text = embedded
            of_xml = url == XML_VALUE
            value = xml.decode(text.encode(), load(engine.version)) if of_xml else json.decode(text.encode())
            items.extend(engine.collection(value))
            continue
        for element in ("value", "resource"):
            field = fields[element]
            if field is not None:
                field.read(part, items)
    return found


def _outline(expression: str) -> Json:
    return form.outline(parse(expression), expression)


def _answer(engine: "paths.Engine", asked: Asked, results: list[Result]) -> Json:
    evaluator = f"Suture {__version__} ({engine.version.name})"
    shown: list[Json] = [
        {"name": "evaluator", "valueString": evaluator},
        {"name": "parseDebugTree", "valueString": json.encode(_outline(asked.expression)).decode()},
        *(entry for entry in asked.given if entry.get("name") in ("expression", "context", "resource", "variables")),
    ]
    parameters: list[Json] = [{"name": "parameters", "part": shown}]
    for place, items, traces, steps in results:
        parts = [form.part(item, engine.model) for item in items]
        for name, traced in traces:
            inner = [form.part(item, engine.model) for item in traced]
            parts.append({"name": "trace", "valueString": name or "trace", **({"part": inner} if inner else {})})
        result: Json = {"name": "result", **({"valueString": place} if place else {})}
        parameters.append(result | ({"part": parts} if parts else {}))
        if steps:
            shown_steps = [form.step_part(step, engine.model) for step in steps]
            parameters.append(result | {"name": "debug-trace", "part": shown_steps})
    return {"resourceType": "Parameters", "id": "fhirpath", "parameter": parameters}


FHIRPATH = Operation(fhirpath, DEFINITION)
