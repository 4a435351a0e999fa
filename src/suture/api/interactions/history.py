"""history: the versions of a resource, of a type, of the whole system, newest first.

Specification: https://hl7.org/fhir/R4/http.html#history. The one thing to know: a page continues before the last
version that the page before showed, so writes that happen meanwhile neither repeat nor hide versions; its number in
the link is sealed, because it would tell how much is written on the server. Histories of a type or of the whole system
leave out the definitions of packages, which no user wrote.
"""

from collections.abc import Callable

from suture.api import bundles
from suture.api.http import Request, Response
from suture.api.interactions.search import with_query
from suture.api.negotiation import preferences
from suture.api.services import Model, Services
from suture.api.subsets import subset_of
from suture.api.target import Target
from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid, NotFound
from suture.settings import Settings
from suture.store.history import Window
from suture.store.owned import NotOwned
from suture.store.seals import Broken, Seal

_KNOWN = ("_since", "_at", "_count", "_before", "_format", "_pretty", "_summary", "_elements")


async def history(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]/[type]/[id]/_history`, `[base]/[type]/_history`, `[base]/_history`."""
    decision = services.decide(request, target.type)
    seal, use = Seal(services.store.keys, "history page"), f"{target.type}/{target.id}".encode("ascii")
    window = _window(request, services.settings, lambda text: _opened(seal, use, text))
    subset = subset_of(request, model, target.type)
    store, type, id = services.store, target.type or None, target.id or None
    predicate = decision.predicate if id else NotOwned(decision.predicate)
    counts_only = window.count == 0 or request.parameter("_summary") == "count"
    more = Window(window.count + 1, window.since, window.at, window.before)
    versions = [] if counts_only else await store.history(type, id, more, predicate)
    # Counting the versions of a whole server is slow and seldom wanted, so only one resource's are always counted.
    total = await store.history_count(type, id, window, predicate) if id or counts_only else None
    if type and id and not total and await store.read(type, id, decision.predicate) is None:
        raise NotFound(f"There is no {type}/{id}, and there never was.")
    page = versions[: window.count]
    url = "/".join(part for part in (request.base, target.type, target.id, "_history") if part)
    pairs = [pair for pair in request.pairs if pair[0] in _KNOWN and pair[0] != "_before"]
    links = [("self", with_query(url, [*pairs, *(pair for pair in request.pairs if pair[0] == "_before")]))]
    if len(versions) > window.count:
        links.append(("next", with_query(url, [*pairs, ("_before", seal.close(use, b"%d" % page[-1].seq))])))
    shown = ((stored, subset.apply(stored.body) if subset and not stored.deleted else stored.body) for stored in page)
    return Response(200, bundles.history(request.base, links, shown, total=total))


def _opened(seal: Seal, use: bytes, text: str) -> int:
    try:
        return int(seal.open(use, text))
    except Broken:
        raise Invalid("_before is not a page of this history. Start from its first page.") from None


def _window(request: Request, settings: Settings, opened: Callable[[str], int]) -> Window:
    since: int | None = None
    at: tuple[int, int] | None = None
    before: int | None = None
    count = settings.default_count
    lenient = preferences(request.header("prefer")).lenient
    for name, value in request.pairs:
        match name:
            case "_since":
                since = _moment(name, value)[0]
            case "_at":
                at = _moment(name, value)
            case "_count":
                count = min(_number(name, value), settings.max_count)
            case "_before":
                before = opened(value)
            case _ if name not in _KNOWN and not lenient:
                raise Invalid(f"A history does not know the parameter {name[:80]!r}; it knows _since, _at and _count.")
            case _:
                pass
    return Window(count, since, at, before)


def _moment(name: str, value: str) -> tuple[int, int]:
    try:
        return bounds(value.replace(" ", "+"))
    except ValueError as error:
        raise Invalid(f"{name}: {error}") from None


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Invalid(f"{name} is a whole number, not {value[:40]!r}.")
    return int(value)
