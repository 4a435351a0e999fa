"""The entries of a transaction, or of a collection taken as one: all or none, with the links between them resolved.

Specification: https://hl7.org/fhir/R4/http.html#trules. The one thing to know: the ids of all new resources are
chosen first, so every link is a matter of looking it up.
"""

import re
from typing import Any
from urllib.parse import unquote, unquote_plus

import msgspec

from suture.api.entries import at_entry, check_shell
from suture.api.interactions.steps import duplicate
from suture.api.links import ToMatch, find_links, replace_links
from suture.api.preparation import check_id, check_type, new_id, prepare, refuse_subset
from suture.api.services import Model
from suture.api.shapes import as_array, as_object
from suture.cli.target import EMBEDDED_BASE
from suture.cli.target import sentence as as_sentence
from suture.fhir.outcomes import FhirError, Invalid, NotFound, Unprocessable
from suture.store.bulk.rows import Accepted
from suture.store.owned import refuse_owned

BASE = f"http://localhost{EMBEDDED_BASE}"
"""The base URL that plain loading into a database has."""

_INSTANCE = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_CONDITIONS = ("ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince")


class Asked(msgspec.Struct, frozen=True):
    """What an entry asks for. `id`: "" for a create. `condition`: `Type?query`, or another condition in words."""

    position: int
    full_url: str
    method: str
    type: str
    id: str
    condition: str
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        """The entry in words."""
        return f"Entry {self.position} ({self.method} {self.type}{'/' if self.id else ''}{self.id})"

    def undecided(self) -> Unprocessable:
        """The error for a condition that only a search could decide."""
        return undecided(self.condition)


def undecided(condition: str) -> Unprocessable:
    """The error for a condition that only a search could decide."""
    return Unprocessable(
        f"A bulk load cannot decide the condition {condition[:200]!r}; load this file by suture load without --bulk."
    )


def asked(entry: dict[str, Any], position: int) -> Asked:
    """Read one entry, whose shell is sound. Raises Invalid, and Unprocessable for what a bulk load does not do."""
    request = as_object(entry.get("request"))
    if request is None:
        raise Invalid("The entry has no request: it needs a method and a url.", expression=f"Bundle.entry[{position}]")
    method, url = str(request["method"]), str(request["url"])
    path, _, query = url.removeprefix(BASE).partition("?")
    path = unquote(path).strip("/")
    resource = as_object(entry.get("resource"))
    if method not in ("POST", "PUT"):
        raise Unprocessable(
            f"A bulk load only creates, it cannot do a {method}; load this file by suture load without --bulk."
        )
    if resource is None or not isinstance(resource.get("resourceType"), str):
        raise Invalid("The resource has no resourceType.", expression=f"Bundle.entry[{position}].resource")
    condition = next((f"{name} {request[name]}" for name in _CONDITIONS if name in request), "")
    if method == "POST" and request.get("ifNoneExist"):
        condition = _condition(path, str(request["ifNoneExist"]))
    elif query:
        condition = _condition(path, query)
    type, id = path, ""
    if method == "PUT" and not query:
        match = _INSTANCE.fullmatch(path)
        if match is None:
            raise NotFound(f"{url[:200]!r} is not the URL of a resource.")
        type, id = match[1], match[2]
    return Asked(position, str(entry.get("fullUrl", "")), method, type, id, condition, resource)


def _condition(type: str, query: str) -> str:
    return f"{type}?{unquote_plus(query)}"


def learn(known: dict[str, str], resource: dict[str, Any], id: str) -> None:
    """Note what the identifiers of a valid resource mean; two resources with the same one mean nothing."""
    type = resource["resourceType"]
    identifiers = as_array(resource.get("identifier")) or []
    for identifier in map(as_object, identifiers):
        if identifier and (system := identifier.get("system")) and (value := identifier.get("value")):
            key, name = f"{type}?identifier={system}|{value}", f"{type}/{id}"
            known[key] = name if known.get(key, name) == name else ""


def sentence(error: FhirError) -> str:
    """The errors of `error` in one line; at most three of them, and how many more there are."""
    issues = error.issues
    told = [": ".join(filter(None, [issue.expression, issue.diagnostics or issue.code])) for issue in issues[:3]]
    more = f" (and {len(issues) - 3} more)" if len(issues) > 3 else ""
    return as_sentence(" ".join(told)) if not more else " ".join(told) + more


class Together:
    """One Bundle. `known`, `learning`: as in `Intake`. `size`: how many entries it has, once that is known."""

    def __init__(self, model: Model, known: dict[str, str], learning: bool) -> None:
        self._model = model
        self._known = known
        self._learning = learning
        self.size = 0

    def accept(self, bundle: dict[str, Any], *, unpacked: bool) -> list[Accepted]:
        """All its resources, ready. Raises FhirError when one of them, or a link, is wrong."""
        if unpacked:
            bundle = _unpacked(bundle)
        self.size = len(as_array(bundle.get("entry")) or [])
        entries = [asked(entry, position) for position, entry in enumerate(check_shell(self._model, bundle))]
        names, writes = self._named(entries)
        urls: dict[str, int] = {}
        for entry in entries:
            if entry.full_url:
                if entry.full_url in urls:
                    raise duplicate(
                        f"Two entries have the fullUrl {entry.full_url[:200]}.",
                        f"Bundle.entry[{entry.position}].fullUrl",
                    )
                urls[entry.full_url] = entry.position
        accepted: list[Accepted] = []
        for entry in writes:
            try:
                self._link(entry, urls, names)
                prepared = prepare(self._model, entry.resource)
            except FhirError as error:
                raise at_entry(error, entry.name, entry.position) from error
            accepted.append(Accepted(names[entry.position].partition("/")[2], entry.method, prepared))
        if self._learning:
            for entry, one in zip(writes, accepted, strict=True):
                learn(self._known, entry.resource, one.id)
        return accepted

    def _named(self, entries: list[Asked]) -> tuple[dict[int, str], list[Asked]]:
        """Position -> `Type/id`, and the entries that write a resource."""
        names: dict[int, str] = {}
        writes: list[Asked] = []
        created: dict[str, str] = {}
        taken: set[str] = set()
        for entry in entries:
            try:
                existing = self._decide(entry, created)
            except FhirError as error:
                raise at_entry(error, entry.name, entry.position) from error
            names[entry.position] = name = existing or f"{entry.type}/{entry.id or new_id()}"
            if existing:
                continue
            if entry.condition:
                created[entry.condition] = name
            if name in taken:
                raise duplicate(
                    f"{entry.name} writes {name}, and so does another; a transaction writes a resource once.",
                    f"Bundle.entry[{entry.position}]",
                )
            taken.add(name)
            writes.append(entry)
        return names, writes

    def _decide(self, entry: Asked, created: dict[str, str]) -> str:
        """Check an entry; the name of the resource that its condition finds, or "" when it writes one."""
        check_type(self._model, entry.resource, entry.type)
        if entry.type not in self._model.types:
            raise NotFound(f"{entry.type[:80]!r} is not a resource type of this server.")
        if entry.id:
            refuse_subset(entry.resource)
            check_id(entry.resource, entry.type, entry.id)
            refuse_owned(entry.type, entry.id)
        if not entry.condition:
            return ""
        found = created.get(entry.condition) or self._known.get(entry.condition)
        # Only files that come before all others can say for certain that there is none yet.
        sure = self._learning and "?identifier=" in entry.condition and "|" in entry.condition
        if not found and (not sure or entry.condition in self._known):
            raise entry.undecided()
        return found or ""

    def _link(self, entry: Asked, urls: dict[str, int], names: dict[int, str]) -> None:
        for site in find_links(entry.resource, entry.full_url, urls, BASE, self._model.uris):
            if isinstance(site, ToMatch):
                condition = _condition(site.type, site.query)
                target = self._known.get(condition)
                if not target:
                    raise undecided(condition)
                site.holder[site.key] = target
            else:
                replace_links(site, urls, names)


def _unpacked(bundle: dict[str, Any]) -> dict[str, Any]:
    """A collection as the transaction that writes its resources."""
    entries: list[dict[str, Any]] = []
    for entry in map(as_object, as_array(bundle.get("entry")) or []):
        resource = as_object(entry.get("resource")) if entry else None
        if entry is None or resource is None:
            continue
        kind, id = resource.get("resourceType"), resource.get("id")
        request = {"method": "PUT", "url": f"{kind}/{id}"} if id else {"method": "POST", "url": str(kind)}
        full_url = {"fullUrl": entry["fullUrl"]} if entry.get("fullUrl") else {}
        entries.append({**full_url, "resource": resource, "request": request})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
