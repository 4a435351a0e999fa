"""search: by type, over the whole system, in a compartment; by GET and by POST.

Specification: https://hl7.org/fhir/R4/http.html#search and search.html. The one thing to know: the page comes from
`suture.search` as stored bytes and is put together without decoding a resource, unless a part is asked for.
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from suture.api import bundles
from suture.api.explanation import as_parameters, take_explain
from suture.api.http import LONGEST_URL, Request, Response, resource_response
from suture.api.negotiation import preferences
from suture.api.services import Model, Services
from suture.api.subsets import Subset, subset_from
from suture.api.target import Target
from suture.fhir.outcomes import Invalid, Issue
from suture.search.execute import Page
from suture.search.query import CURSOR, Query
from suture.store.rows import Stored

Pair = tuple[str, str]

LONGEST_CURSOR = 1024
"""Characters that are kept free in a URL for the parameter that holds the place of a page."""

_BY_POST = "The search is longer than a URL may be: for the other pages POST the same form to their links."

_PLAIN = re.compile(r"[A-Za-z0-9:/,$._~|-]*").fullmatch


async def search_type(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]/[type]?…` and `POST [base]/[type]/_search`."""
    return await _search(services, model, request, target)


async def search_system(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]?…` and `POST [base]/_search`, with `_type`."""
    return await _search(services, model, request, target)


async def search_compartment(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]/Patient/[id]/[type]?…`, `[type]` may be `*`; also by POST to `_search` there."""
    return await _search(services, model, request, target)


async def _search(services: Services, model: Model, request: Request, target: Target) -> Response:
    decision = services.decide(request, target.member if target.member not in ("", "*") else target.type)
    pairs = request.pairs
    if request.method == "POST":
        pairs = [*pairs, *(form := await request.form())]
        request.adopt(form)
    pairs, explain = take_explain(pairs, decision)
    query, subset = await services.catalogue.certainly(lambda: plan(model, request, target, pairs))
    async with services.store.reading() as connection:
        if explain:
            explanation = await model.search.explain(connection, query, decision.predicate)
            return resource_response(200, as_parameters(explanation))
        page = await model.search.run(connection, query, decision.predicate)
    return answer(request, target, page, pairs, subset)


def plan(model: Model, request: Request, target: Target, pairs: Sequence[Pair]) -> tuple[Query, Subset | None]:
    """What to search for, and which part of each result to show. Raises Invalid."""
    type = target.member if target.member not in ("", "*") else "" if target.member else target.type
    lenient = preferences(request.header("prefer")).lenient
    compartment = (target.type, target.id) if target.member else None
    query = model.search.parse(type or None, pairs, lenient=lenient, compartment=compartment, base=f"{request.base}/")
    if query.includes and query.summary == "text":
        raise Invalid("_include and _revinclude cannot be combined with _summary=text.")
    return query, subset_from(pairs, model, type)


def answer(request: Request, target: Target, page: Page, pairs: Sequence[Pair], subset: Subset | None) -> Response:
    """The searchset Bundle for a page."""
    path = "/".join(part for part in (target.type, target.id, target.member) if part)
    url = f"{request.base}/{path}" if path else request.base
    cursor = [pair for pair in pairs if pair[0] == CURSOR]
    whole = with_query(url, page.applied)
    links = [("self", with_query(url, [*page.applied, *cursor]) if cursor else whole)]
    warnings = page.warnings
    steps = [(relation, to) for relation, to in (("previous", page.previous), ("next", page.next)) if to]
    if len(whole) + LONGEST_CURSOR <= LONGEST_URL:
        if cursor:
            links.append(("first", whole))
        links += [(relation, with_query(url, [*page.applied, (CURSOR, to)])) for relation, to in steps]
    elif steps:
        links += [(relation, with_query(f"{url}/_search", [(CURSOR, to)])) for relation, to in steps]
        warnings = [*warnings, Issue("information", "informational", _BY_POST)]
    body = bundles.searchset(
        request.base,
        links,
        shown(page.matches, subset),
        shown(page.includes, subset if subset is not None and subset.included else None),
        total=page.total,
        warnings=warnings,
        scores=page.scores,
    )
    return Response(200, body)


def shown(results: Iterable[Stored], subset: Subset | None) -> Iterable[tuple[Stored, bytes]]:
    """Each result with the bytes to show for it: the part that was asked for, or all."""
    if subset is None:
        return ((stored, stored.body) for stored in results)
    return ((stored, subset.apply(stored.body)) for stored in results)


def with_query(url: str, pairs: Iterable[Pair]) -> str:
    """`url` with parameters. What a URL allows in a query, such as `:`, `/` and `,`, stays readable."""
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)
    return f"{url}?{query}" if query else url


def _encoded(text: str) -> str:
    return text.replace("|", "%7C") if _PLAIN(text) else quote(text, safe=":/,$._-~")
