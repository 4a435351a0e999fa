"""$lookup: everything that is known of one code.

Specification: https://hl7.org/fhir/R4/codesystem-operation-lookup.html. The one thing to know: without `property` the
parameters of the operation itself, designations, parents and children and all properties are given; with it only those
that are named. Relationships of SNOMED CT stand in their role groups unless they are asked for by name.
"""

from collections.abc import Iterable, Sequence

from suture.terminology.asked import Asked
from suture.terminology.composing import missing_supplements, supplements_in
from suture.terminology.desk import Question
from suture.terminology.displays import PREFERRED, Name, names_of, preferred
from suture.terminology.languages import accepts, parse
from suture.terminology.problems import Problem, Refused
from suture.terminology.supplements import Supplemented, canonical
from suture.terminology.systems import NO_NUMBER, Concept, Head, Json, Property, Provider
from suture.terminology.versions import listed

MAX_RELATED = 500
"""Parents and children that are named."""

ROLE_GROUP = "609096000"
"""The concept of SNOMED CT that stands for a role group, as a property."""


async def lookup(question: Question, system: str, version: str, code: str) -> Json:
    """The Parameters that tell of a code. Raises Refused."""
    provider = await _provider(question, system, version)
    concept = await provider.concept(code)
    if concept is None:
        raise _unknown(provider.head, code)
    asked = question.asked
    head = provider.head
    names = names_of(concept, head)
    shown = preferred(names, asked.languages) or preferred(names, None)
    found: list[Json] = [{"name": "name", "valueString": head.name or head.title or head.url}]
    found.append({"name": "code", "valueCode": code})
    found.append({"name": "system", "valueUri": head.url})
    if head.version:
        found.append({"name": "version", "valueString": head.version})
    found.append({"name": "display", "valueString": shown.value if shown else concept.code})
    wants = _Wanted(asked)
    if concept.definition and wants("definition"):
        found.append({"name": "definition", "valueString": concept.definition})
    found.append({"name": "abstract", "valueBoolean": concept.abstract})
    if isinstance(provider, Supplemented):
        found += [{"name": "used-supplement", "valueCanonical": canonical(one.head)} for one in provider.supplements]
    if wants("designation"):
        found += [_designation(name) for name in names if accepts(asked.languages, name.language) or name is shown]
    elif wants.languages:
        found += [_designation(name) for name in names if name.language and accepts(wants.languages, name.language)]
    if wants("inactive"):
        found.append(_property("inactive", "Boolean", concept.inactive))
    if concept.code != code and wants("code"):
        found.append(_property("code", "Code", concept.code))
    found += _properties(concept.properties, wants)
    for name in ("parent", "child"):
        if wants(name):
            found += await _related(provider, concept, name)
    return {"resourceType": "Parameters", "parameter": found}


async def provider_for(question: Question, system: str, version: str) -> Provider | None:
    """The code system that a request means, with the supplements that it asks for. Raises Refused for those."""
    asked = question.asked
    chosen = asked.rules.chosen(system, version)
    provider = await question.composer.provider(system, chosen, asked.supplements)
    if provider is None and (url := question.library.url_of(system)) != system:
        return await provider_for(question, url, version)
    missing = [name for name in asked.supplements if name not in supplements_in(provider)]
    if provider is not None and missing:
        raise missing_supplements(missing)
    return provider


async def _provider(question: Question, system: str, version: str) -> Provider:
    provider = await provider_for(question, system, version)
    if provider is not None:
        return provider
    supplement = await question.library.supplement(system)
    if supplement is not None:
        text = f"CodeSystem {canonical(supplement.head)} is a supplement, so it has no codes of its own"
        raise Refused(Problem("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", text, "system"))
    raise await unknown_system(question, system, version)


async def unknown_system(question: Question, system: str, version: str) -> Refused:
    """A code system, or its version, that is not here."""
    if not version:
        text = f"A definition for CodeSystem '{system}' could not be found, so the code cannot be looked up"
        problem = Problem("error", "not-found", "not-found", "UNKNOWN_CODESYSTEM", text, "system")
    else:
        here = await question.library.code_system_versions(system)
        text = f"A definition for CodeSystem '{system}' version '{version}' could not be found, "
        text += "so the code cannot be looked up. "
        text += f"Valid versions: {listed(here)}" if here else "No versions of this code system are known"
        id = "UNKNOWN_CODESYSTEM_VERSION" if here else "UNKNOWN_CODESYSTEM_VERSION_NONE"
        problem = Problem("error", "not-found", "not-found", id, text, "system")
    return Refused(problem, status=404, unknown=(f"{system}|{version}" if version else system,))


def _unknown(head: Head, code: str) -> Refused:
    version = f" version '{head.version}'" if head.version else ""
    text = f"Unknown code '{code}' in the CodeSystem '{head.url}'{version}"
    id = "Unknown_Code_in_Version" if head.version else "Unknown_Code_in"
    return Refused(Problem("error", "not-found", "invalid-code", id, text, "code"), status=404)


class _Wanted:
    """Which properties are asked for: all without `property` or with `*`, else those named. `languages`: of which names
    are asked for by properties such as `lang.de`.
    """

    def __init__(self, asked: Asked) -> None:
        names = {name for text in asked.texts("property") for name in text.split(",") if name}
        self._all = not names or "*" in names
        self._names = names
        languages = sorted(name[5:] for name in names if name.startswith("lang."))
        self.languages = parse(",".join(languages)) if languages else None

    def __call__(self, name: str) -> bool:
        return self._all or name in self._names


def _designation(name: Name) -> Json:
    parts: list[Json] = []
    if name.language:
        parts.append({"name": "language", "valueCode": name.language})
    use = PREFERRED if name.main else name.use
    if use is not None:
        parts.append({"name": "use", "valueCoding": use})
    parts.append({"name": "value", "valueString": name.value})
    if name.source:
        parts.append({"name": "source", "valueCanonical": name.source})
    return {"name": "designation", "part": parts}


def _property(code: str, type: str, value: object, description: str = "") -> Json:
    parts: list[Json] = [{"name": "code", "valueCode": code}, {"name": "value", f"value{type}": value}]
    if description:
        parts.append({"name": "description", "valueString": description})
    return {"name": "property", "part": parts}


def _properties(properties: Iterable[Property], wants: "_Wanted") -> Iterable[Json]:
    """Those that are wanted, the relationships of a role group as subproperties of one property."""
    groups: dict[int, list[Property]] = {}
    for one in properties:
        if one.group and wants(ROLE_GROUP):
            groups.setdefault(one.group, []).append(one)
        elif wants(one.code):
            found = _property(one.code, one.type, one.value)
            found["part"] += [_subproperty(part) for part in one.parts]
            yield found
    for _, members in sorted(groups.items()):
        code = {"name": "code", "valueCode": ROLE_GROUP}
        yield {"name": "property", "part": [code, *(_subproperty(one) for one in members)]}


def _subproperty(one: Property) -> Json:
    parts = [{"name": "code", "valueCode": one.code}, {"name": "value", f"value{one.type}": one.value}]
    return {"name": "subproperty", "part": parts}


async def _related(provider: Provider, concept: Concept, name: str) -> Iterable[Json]:
    """The concepts directly above or below, with their displays."""
    if concept.number == NO_NUMBER or any(one.code == name for one in concept.properties):
        return ()
    numbers: Sequence[int] = (
        await provider.parents(concept.number) if name == "parent" else await provider.children(concept.number)
    )
    related = await provider.concepts(list(numbers[:MAX_RELATED]))
    return [_property(name, "Code", one.code, one.display) for one in related]
