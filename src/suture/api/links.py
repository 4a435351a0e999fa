"""Links between the entries of a transaction: found once, turned into real references.

Specification: https://hl7.org/fhir/R4/http.html#trules, bundle.html#references, and http.html#3.1.0.11.2 for
conditional references. What counts as a link: `Reference.reference`; elements of type uri and url whose whole value is
the fullUrl of an entry; `href` and `src` in narratives. canonical elements are left alone, and so are oid and uuid
elements, which the specification names too, but which cannot hold the URL that would replace them. The one thing to
know: one quick walk looks at every string, and only a resource in which another string equals a fullUrl is
walked again along its definition, to learn whether that string is a uri.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from suture.api.shapes import as_array, as_object, kind_of
from suture.fhir.definitions import Definitions, Element

_URI_TYPES = frozenset(("uri", "url"))
_ATTRIBUTE = re.compile(r"""(\s(?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")
_CONDITION = re.compile(r"([A-Z][A-Za-z]*)\?(.+)", re.DOTALL)
_RESTFUL = re.compile(r"(https?://.+/)[A-Z][A-Za-z]*/[A-Za-z0-9\-.]{1,64}")

Urls = Mapping[str, int]
"""fullUrl -> position of its entry."""


class Site(msgspec.Struct, frozen=True, eq=False):
    """A place that holds a link: `holder[key]`, whose value was `text`."""

    holder: Any
    key: str | int
    text: str


class ToEntry(Site, frozen=True, eq=False):
    """A link to the entry at position `entry`; its whole value is the link."""

    entry: int


class ToMatch(Site, frozen=True, eq=False):
    """A conditional reference: to the resource of `type` that `query` finds."""

    type: str
    query: str


class InNarrative(Site, frozen=True, eq=False):
    """Links to several entries within a narrative."""

    entries: tuple[int, ...]


def find_links(
    resource: dict[str, Any], full_url: str, urls: Urls, base: str, uris: "UriElements"
) -> list[ToEntry | ToMatch | InNarrative]:
    """All links in `resource`, which has the fullUrl `full_url` ("" when it has none).

    References below `base`, this server's own URL, are made relative on the way, in place.
    """
    found: list[ToEntry | ToMatch | InNarrative] = []
    own = f"{base}/"
    restful = _RESTFUL.fullmatch(full_url)
    context = restful[1] if restful else ""
    others = False
    stack: list[Any] = [resource]
    while stack:
        node: Any = stack.pop()
        shape = kind_of(node)
        if shape is list:
            for item in node:
                kind = kind_of(item)
                if kind is dict or kind is list:
                    stack.append(item)
                elif kind is str and item in urls:
                    others = True
            continue
        for key, value in node.items():
            kind = kind_of(value)
            if kind is str:
                if key == "reference":
                    site = _reference(node, value, context, own, urls)
                    if site is not None:
                        found.append(site)
                elif value in urls:
                    others = True
                elif key == "div" and (entries := _narrative(value, urls)):
                    found.append(InNarrative(node, key, value, entries))
            elif kind is dict or kind is list:
                stack.append(value)
    if others:
        found += uris.links(resource, urls)
    return found


def replace_links(site: ToEntry | InNarrative, urls: Urls, names: Mapping[int, str]) -> None:
    """Write the real references in place of a link; `names`: position of an entry -> `Type/id`."""
    if isinstance(site, ToEntry):
        site.holder[site.key] = names[site.entry]
        return

    def real(match: re.Match[str]) -> str:
        entry = urls.get(match[2][1:-1])
        return match[0] if entry is None else f"{match[1]}{match[2][0]}{names[entry]}{match[2][0]}"

    site.holder[site.key] = _ATTRIBUTE.sub(real, site.text)


def _reference(node: dict[str, Any], value: str, context: str, own: str, urls: Urls) -> ToEntry | ToMatch | None:
    entry = urls.get(value)
    if entry is None and context and ":" not in value:
        entry = urls.get(context + value)
    if entry is not None:
        return ToEntry(node, "reference", value, entry)
    if value.startswith(own):
        value = node["reference"] = value.removeprefix(own)
    if "?" in value and (condition := _CONDITION.fullmatch(value)):
        return ToMatch(node, "reference", value, condition[1], condition[2])
    return None


def _narrative(value: str, urls: Urls) -> tuple[int, ...]:
    if "href" not in value and "src" not in value:
        return ()
    targets = (urls.get(match[2][1:-1]) for match in _ATTRIBUTE.finditer(value))
    return tuple(dict.fromkeys(target for target in targets if target is not None))


class UriElements:
    """Finds the elements of type uri and url of a resource by its definition."""

    def __init__(self, definitions: Definitions) -> None:
        self._structures = definitions.structures
        self._by_name: dict[str, dict[str, tuple[Element, str]]] = {}

    def links(self, resource: dict[str, Any], urls: Urls) -> list[ToEntry]:
        """The links in elements whose whole value is a fullUrl."""
        return list(self._in_type(resource, str(resource.get("resourceType", "")), urls))

    def _in_type(self, node: dict[str, Any], type: str, urls: Urls) -> Iterator[ToEntry]:
        structure = self._structures.get(type)
        if structure is not None:
            yield from self._in_elements(node, type, structure.elements, urls)

    def _in_elements(
        self, node: dict[str, Any], owner: str, elements: tuple[Element, ...], urls: Urls
    ) -> Iterator[ToEntry]:
        names = self._names(owner, elements)
        for key, value in node.items():
            known = names.get(key)
            if known is None:
                continue
            element, type = known
            items = as_array(value)
            places: list[tuple[Any, str | int, Any]] = (
                [(node, key, value)] if items is None else [(items, n, item) for n, item in enumerate(items)]
            )
            for holder, place, item in places:
                below = as_object(item)
                if below is not None:
                    yield from self._below(below, element, type, urls)
                elif type in _URI_TYPES and isinstance(item, str) and item in urls:
                    yield ToEntry(holder, place, item, urls[item])

    def _below(self, item: dict[str, Any], element: Element, type: str, urls: Urls) -> Iterator[ToEntry]:
        if element.children:
            yield from self._in_elements(item, element.path, element.children, urls)
        elif element.content_reference:
            target = self._find(element.content_reference)
            if target is not None:
                yield from self._in_elements(item, target.path, target.children, urls)
        else:
            yield from self._in_type(item, str(item.get("resourceType", type)), urls)

    def _names(self, owner: str, elements: tuple[Element, ...]) -> dict[str, tuple[Element, str]]:
        names = self._by_name.get(owner)
        if names is None:
            names = {}
            for element in elements:
                for type in element.types:
                    code = type.code
                    name = element.name[:-3] + code[0].upper() + code[1:] if element.is_choice else element.name
                    names[name] = element, code
                if not element.types:
                    names[element.name] = element, ""
            self._by_name[owner] = names
        return names

    def _find(self, path: str) -> Element | None:
        path = path.removeprefix("#")
        root, *steps = path.split(".")
        structure = self._structures.get(root)
        elements = structure.elements if structure else ()
        found: Element | None = None
        for step in steps:
            found = next((element for element in elements if element.name == step), None)
            if found is None:
                return None
            elements = found.children
        return found
