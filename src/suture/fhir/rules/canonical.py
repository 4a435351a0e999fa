"""Canonical URLs: absolute, and of resources of the type that the element asks for.

Specification: https://hl7.org/fhir/R4/references.html#canonical.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.element_paths import place
from suture.fhir.rules.form import contained
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text
from suture.fhir.rules.uris import is_absolute, uri_form


def form(seen: Seen) -> Iterable[Issue]:
    """A canonical URL is absolute, or names a contained resource."""
    url = seen.value
    if isinstance(url, str) and url and not url.startswith("#") and not is_absolute(url):
        # HL7's own examples name resources of the same server in this way.
        yield seen.warning(
            "invalid", f"The canonical URL '{url[:200]}' should be absolute, or '#id' of a contained resource."
        )
    if isinstance(url, str) and url.endswith("|"):
        yield seen.error("invalid", f"The canonical URL '{url[:200]}' ends with '|', but the version is missing.")
    yield from uri_form(seen)


def target_type(seen: Seen) -> Iterable[Issue]:
    """What is known under the URL is a resource of a type that may stand here."""
    url = seen.value
    definitions = seen.scene.definitions
    if isinstance(url, str) and url.startswith("#") and len(url) > 1:
        if contained(seen.container.value, url) is None:
            yield seen.error("not-found", f"There is no contained resource '{url[:100]}'.")
        return
    if not isinstance(url, str) or not is_absolute(url) or seen.element.partition(".")[0] not in definitions.structures:
        return
    found = place(definitions, seen.element)
    types: set[str] = set()
    for type in found.types if found else ():
        types.update(type.targets if type.code == "canonical" else ())
    if not types or not types <= set(definitions.resource_types):
        return
    find = seen.scene.canonicals.find
    if any(find(type, url) is not None for type in types):
        return
    other = find("", url)
    if other is not None:
        wanted = " or ".join(sorted(types)[:6])
        yield seen.error("invalid", f"'{url[:200]}' is a {text(other, 'resourceType')}; a {wanted} is expected here.")
