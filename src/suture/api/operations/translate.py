"""$translate: a code in the words of another code system.

Specification: https://hl7.org/fhir/R4/conceptmap-operation-translate.html. The one thing to know: the parameters have
other names in R5 (`sourceCode`, `targetSystem` …); both are understood, and each is answered in the same words.
"""

from typing import Any, cast

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import CACHE_ID, TX_RESOURCE, Call, Json, read_call, terminological
from suture.api.services import Model, Services
from suture.fhir.outcomes import Invalid
from suture.fhir.versions import Version
from suture.terminology.concept_maps import ConceptMap, Dependency, concept_map
from suture.terminology.desk import Question
from suture.terminology.refusals import unsupported
from suture.terminology.translation import MAX_MAPS, Translation, Wanted, map_of

_DEFINITION = define(
    "ConceptMap-translate",
    "Concept Translation",
    "The codes of another code system for a code, by one concept map or all that speak of its code system.",
    resource="ConceptMap",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter("url", "in", "0..1", "uri", "The canonical URL of the concept map."),
        parameter("conceptMap", "in", "0..1", "ConceptMap", "The concept map itself."),
        parameter("conceptMapVersion", "in", "0..1", "string", "The version of the concept map."),
        parameter("code", "in", "0..1", "code", "The code; also sourceCode."),
        parameter("system", "in", "0..1", "uri", "Its code system; also sourceSystem."),
        parameter("version", "in", "0..1", "string", "Its version."),
        parameter("coding", "in", "0..1", "Coding", "The code as a Coding; also sourceCoding."),
        parameter("codeableConcept", "in", "0..1", "CodeableConcept", "Several codes; also sourceCodeableConcept."),
        parameter("source", "in", "0..1", "uri", "The value set of the code; also sourceScope."),
        parameter("target", "in", "0..1", "uri", "The value set that is wanted; also targetScope."),
        parameter("targetsystem", "in", "0..1", "uri", "The code system that is wanted; also targetSystem."),
        parameter("dependency", "in", "0..*", "Element", "Other elements that the translation depends on."),
        parameter("reverse", "in", "0..1", "boolean", "The code is a target: find sources. R5: targetCode."),
        TX_RESOURCE,
        CACHE_ID,
        parameter("result", "out", "1..1", "boolean", "Whether there is a translation."),
        parameter("message", "out", "0..1", "string", "Why there is none."),
        parameter("match", "out", "0..*", "Element", "Equivalence, concept, products and source (the map) of each."),
    ),
)


async def translate(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/ConceptMap[/id]/$translate`."""
    call = await read_call(services, model, request, "ConceptMap")
    question = call.question()
    if model.version is Version.R5 and call.asked.has("reverse"):
        raise unsupported("R5 has no parameter 'reverse': name the code as targetCode or targetCoding instead.")
    wanted = _wanted(call, native=model.version is Version.R5)
    system = next((one["system"] for one in wanted.codings if one.get("system")), "")
    named = await _named(call, question, id)
    maps = [named] if named is not None else await model.terms.maps(question, system)
    translation = Translation(question, maps[:MAX_MAPS], wanted, named=named is not None)
    return resource_response(200, await translation.answer())


async def _named(call: Call, question: Question, id: str | None) -> ConceptMap | None:
    """The map that the call is made on, sends along or names."""
    if id is not None:
        return concept_map(await call.stored("ConceptMap", id))
    sent = call.sent("conceptMap", "ConceptMap")
    if sent is not None:
        return concept_map(sent)
    url, version = call.asked.text("url"), call.asked.text("conceptMapVersion")
    if not url:
        return None
    return await map_of(question.library, f"{url.partition('|')[0]}|{version}" if version else url)


def _wanted(call: Call, *, native: bool) -> Wanted:
    asked = call.asked
    target = _codings(call, "target")
    source = _codings(call, "source") or _codings(call, "")
    if not source and not target:
        raise Invalid("$translate needs a code: 'code' with 'system', 'coding' or 'codeableConcept'.")
    own_words = not native and not target and not _codings(call, "source")
    backwards = bool(target) and not source
    system = asked.text("sourceSystem") if backwards else asked.text("targetSystem") or asked.text("targetsystem")
    return Wanted(
        tuple(target if backwards else source),
        reverse=backwards or asked.truth("reverse"),
        system=system,
        source_scope=asked.text("sourceScope") or asked.text("source"),
        target_scope=asked.text("targetScope") or asked.text("target"),
        dependencies=tuple(_dependency(one) for one in asked.all("dependency")),
        native=native,
        in_place=backwards,
        origin="source" if own_words else "originMap",
    )


def _codings(call: Call, end: str) -> list[Json]:
    """The codings that were sent for an end of the map: `source`, `target`, or "" for the names of R4."""
    asked = call.asked
    concept = call.element(_name(end, "codeableConcept"))
    if concept is not None:
        return [one for one in concept.get("coding", ()) if one.get("code")]
    coding = call.element(_name(end, "coding"))
    if coding is not None:
        return [coding]
    code = asked.text(_name(end, "code"))
    if not code:
        return []
    found = {"code": code, "system": asked.text(f"{end}System" if end else "system") or asked.text("system")}
    return [found | {"version": asked.text(f"{end}Version" if end else "version") or asked.text("version")}]


def _name(end: str, name: str) -> str:
    return end + name[0].upper() + name[1:] if end else name


def _dependency(value: Any) -> Dependency:
    parts: dict[str, Any] = {}
    for part in cast("list[Json]", value) if isinstance(value, list) else ():
        given = next((one for name, one in part.items() if name.startswith("value")), None)
        parts[part.get("name", "")] = given
    concept: Any = parts.get("concept") or parts.get("value") or ""
    coding: Json = cast(Json, concept) if isinstance(concept, dict) else {"code": str(concept)}
    first: Json = coding["coding"][0] if coding.get("coding") else coding
    return Dependency(
        parts.get("element") or parts.get("attribute") or "", first.get("system", ""), first.get("code", "")
    )


TRANSLATE = Operation(terminological(translate), _DEFINITION)
