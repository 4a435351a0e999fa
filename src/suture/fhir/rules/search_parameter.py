"""SearchParameter: agrees with the one it is derived from, and with the types that it is for.

Specification: https://hl7.org/fhir/R4/searchparameter.html.
"""

from collections.abc import Iterable, Mapping
from functools import cache

from suture.fhir.definitions import SearchParameter, load
from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.expressions import complaint_about
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, listed, numbered, text, texts
from suture.fhir.versions import Version


def expression_compiles(seen: Seen) -> Iterable[Issue]:
    """The expression is FHIRPath, and speaks of the types that the parameter is for."""
    expression = text(seen.value, "expression")
    bases = texts(seen.value, "base")
    if not expression:
        return
    complaint = complaint_about(seen, expression, bases)
    if complaint:
        yield seen.error("invalid", f"The expression {shown(expression)} does not fit: {complaint}", "expression")


def agrees_with_base(seen: Seen) -> Iterable[Issue]:
    """What is derived from another parameter is for types that the other one is for, and of the same type."""
    url = text(seen.value, "derivedFrom")
    found = known(seen, url) if url else None
    if found is None:
        return
    bases = set(texts(found, "base"))
    if not bases & {"Resource", "DomainResource"}:
        for base in texts(seen.value, "base"):
            if base not in bases:
                yield seen.error("business-rule", f"{url[:200]}, from which this is derived, is not for {base[:60]}.")
    type, theirs = text(seen.value, "type"), text(found, "type")
    if type and theirs and type != theirs:
        yield seen.error(
            "business-rule", f"{url[:200]}, from which this is derived, is of type {theirs}, not {type[:40]}."
        )
    one, other = text(seen.value, "expression"), text(found, "expression")
    if one and other and one != other and _normal(one) != _normal(other):
        yield seen.warning("business-rule", f"The expression differs from the one of {url[:200]}: {shown(other)}.")


def _normal(expression: str) -> frozenset[str]:
    return frozenset("".join(part.split()).strip("()") for part in expression.split("|"))


def known(seen: Seen, url: str) -> Json | None:
    """The search parameter of a URL: base, type and expression at least."""
    own = _of_release(seen.scene.definitions.version).get(url.partition("|")[0])
    if own is not None:
        return {"base": list(own.base), "type": own.type, "expression": own.expression}
    return seen.scene.canonicals.find("SearchParameter", url)


@cache
def _of_release(version: Version) -> Mapping[str, SearchParameter]:
    return {parameter.url: parameter for parameter in load(version).search_parameters}


def components(seen: Seen) -> Iterable[Issue]:
    """A composite parameter has components, of parameters that are known; others have none."""
    type = text(seen.value, "type")
    if type == "composite" and not listed(seen.value, "component"):
        yield seen.error("business-rule", "A composite search parameter must have components.")
    elif type and type != "composite" and listed(seen.value, "component"):
        yield seen.error("business-rule", f"A search parameter of type {type[:40]} has no components.", "component[0]")
    for number, component in numbered(seen.value, "component"):
        url = text(component, "definition")
        if url and known(seen, url) is None:
            yield seen.warning(
                "business-rule", f"The search parameter '{url[:200]}' is not known.", f"component[{number}].definition"
            )
