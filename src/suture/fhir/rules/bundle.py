"""Bundle: fullUrls, links and requests of any Bundle, and the entries of a search result.

Specification: https://hl7.org/fhir/R4/bundle.html; what the invariants bdl-1 to bdl-12 say is left to them.
"""

import re
from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, listed, numbered, text

_URL_NOT_NEEDED = frozenset(("transaction", "transaction-response", "batch", "batch-response"))
_PAGING = frozenset(("first", "previous", "prev", "next", "last"))
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S").match


def full_urls(seen: Seen) -> Iterable[Issue]:
    """Each entry says by an absolute URL what it holds, and that URL agrees with the resource's type and id."""
    needed = text(seen.value, "type") not in _URL_NOT_NEEDED
    types = "|".join(seen.scene.definitions.resource_types)
    restful = re.compile(rf"https?://\S+/(?:{types})/[A-Za-z0-9.\-]{{1,64}}").fullmatch
    for number, entry in numbered(seen.value, "entry"):
        url = text(entry, "fullUrl")
        resource = below(entry, "resource")
        place = f"entry[{number}]"
        if not url:
            # What an operation says or makes need not have an identity.
            if needed and resource and text(resource, "resourceType") != "OperationOutcome":
                yield seen.error("invalid", "The entry has no fullUrl, by which references find it.", place)
        elif not _ABSOLUTE(url):
            yield seen.error("invalid", f"The fullUrl must be an absolute URL, not '{url[:200]}'.", place)
        elif resource and restful(url):
            yield from _restful_url(seen, url, resource, place)


def _restful_url(seen: Seen, url: str, resource: Json, place: str) -> Iterable[Issue]:
    type, id = text(resource, "resourceType"), text(resource, "id")
    if not id:
        yield seen.error(
            "invalid", f"The fullUrl '{url[:200]}' names a resource of a server, but the resource has no id.", place
        )
    elif not url.endswith(f"/{type}/{id}"):
        yield seen.error(
            "invalid", f"The fullUrl '{url[:200]}' must end with the type and id of the resource, /{type}/{id}.", place
        )


def links(seen: Seen) -> Iterable[Issue]:
    """Links for paging belong to search results and histories; none of the known relations is given twice."""
    paged = text(seen.value, "type") in ("searchset", "history")
    met: set[str] = set()
    for number, link in numbered(seen.value, "link"):
        relation = text(link, "relation")
        if relation in _PAGING and not paged and text(seen.value, "type"):
            yield seen.error(
                "invalid",
                f"A link '{relation}' belongs to search results and histories only.",
                f"link[{number}].relation",
            )
        if (relation in _PAGING or relation == "self") and relation in met:
            yield seen.error("invalid", f"There is more than one link '{relation}'.", f"link[{number}]")
        met.add(relation)


def requests(seen: Seen) -> Iterable[Issue]:
    """The URL of a request names the type of the resource that is sent with it."""
    if text(seen.value, "type") not in ("transaction", "batch"):
        return
    known = seen.scene.definitions.resource_types
    for number, entry in numbered(seen.value, "entry"):
        method, url = text(entry, "request", "method"), text(entry, "request", "url")
        sent = text(entry, "resource", "resourceType")
        named = url.partition("?")[0].strip("/").split("/")
        if method not in ("POST", "PUT") or not sent or len(named) > 2 or "$" in url or named[0] not in known:
            continue
        if named[0] != sent and not (sent == "Parameters" or named[0] == "Binary"):
            yield seen.error(
                "invalid",
                f"The request is for {named[0]}, but the entry holds a {sent}.",
                f"entry[{number}].request.url",
            )


def search_results(seen: Seen) -> Iterable[Issue]:
    """A search result says what was searched, and what each entry is in it: match, include or outcome."""
    if text(seen.value, "type") != "searchset" or not listed(seen.value, "entry"):
        return
    own = next((link for link in listed(seen.value, "link") if link.get("relation") == "self"), None)
    if own is None:
        yield seen.warning("invalid", "A search result should have a link 'self' that says what was searched.")
    searched = _searched_types(text(own, "url"), frozenset(seen.scene.definitions.resource_types))
    modes = [text(entry, "search", "mode") for entry in listed(seen.value, "entry")]
    if not all(modes):
        yield seen.warning("invalid", "The entries of a search result should say their search.mode.")
    for number, entry in numbered(seen.value, "entry"):
        place = f"entry[{number}]"
        if not below(entry, "resource"):
            yield seen.error("invalid", "An entry of a search result must hold a resource.", place)
        else:
            yield from _result(seen, entry, searched, f"{place}.resource")


def _result(seen: Seen, entry: Json, searched: frozenset[str], place: str) -> Iterable[Issue]:
    mode, type, id = text(entry, "search", "mode"), text(entry, "resource", "resourceType"), entry["resource"].get("id")
    if mode == "outcome":
        if type != "OperationOutcome":
            yield seen.error("invalid", f"An entry of mode 'outcome' holds an OperationOutcome, not a {type}.", place)
        return
    if not id and type != "OperationOutcome":
        yield seen.issue("error" if mode else "warning", "invalid", "A resource in a search result has an id.", place)
    elif not id and mode:
        yield seen.error("invalid", f"A resource in a search result (mode '{mode}') has an id.", place)
    if mode != "include" and searched and type not in searched and (mode or type != "OperationOutcome"):
        yield seen.issue(
            "error" if mode else "warning",
            "invalid",
            f"The search was for {', '.join(sorted(searched))}; a {type} is no match for it.",
            place,
        )


def _searched_types(url: str, known: frozenset[str]) -> frozenset[str]:
    """The types that a search URL asks for; empty when it does not tell."""
    path, _, query = url.partition("?")
    last = path.rpartition("/")[2]
    if last in known:
        return frozenset((last,))
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name == "_type":
            return frozenset(value.replace("%2C", ",").split(",")) & known
    return frozenset()
