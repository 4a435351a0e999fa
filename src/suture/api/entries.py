"""The entries of a batch or transaction: read as requests of their own, answered as entries of a Bundle.

Specification: https://hl7.org/fhir/R4/http.html#transaction. The one thing to know: the shell of the Bundle is
checked here as a whole, the resources in it are checked one by one where they are written.
"""

import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import msgspec

from suture.api.answers import http_date
from suture.api.bundles import answer_entry
from suture.api.http import Request, Response
from suture.api.services import Model
from suture.api.shapes import as_array, as_object
from suture.api.target import Find, Handler, Target
from suture.fhir.dates import from_us, to_us
from suture.fhir.outcomes import FhirError, Invalid, InvalidStructure, Issue

MOST_ENTRIES = 20_000
"""Entries in one Bundle."""

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
"""In which order the methods of a transaction are processed."""


_SOUND = {"request": {"method": "GET", "url": "metadata"}}


class Entry(msgspec.Struct, frozen=True):
    """One entry of a batch or transaction.

    `request`: the entry as a request of its own. `target`, `handler`: what it asks for. `resource`: None when it has
    none. `full_url`: "" when it has none.
    """

    position: int
    full_url: str
    resource: dict[str, Any] | None
    request: Request
    target: Target
    handler: Handler

    @property
    def name(self) -> str:
        """The entry in words, for messages."""
        return f"Entry {self.position} ({self.request.method} {self.request.path})"


def check_shell(model: Model, bundle: dict[str, Any]) -> list[Any]:
    """The entries of a Bundle whose own structure is sound. Raises Invalid and InvalidStructure."""
    entries = _entries(bundle)
    shell = {**bundle, "entry": [_bare(entry) for entry in entries]} if entries else bundle
    if not model.validator.is_valid(shell):
        model.validator.check(shell)
    return entries


def check_shell_by_entry(model: Model, bundle: dict[str, Any]) -> tuple[list[Any], dict[int, FhirError]]:
    """The entries of a Bundle, and by position what is wrong with the structure of single ones.

    Raises Invalid and InvalidStructure when the Bundle outside of its entries is wrong.
    """
    with contextlib.suppress(InvalidStructure):
        return check_shell(model, bundle), {}
    check_shell(model, {name: value for name, value in bundle.items() if name != "entry"})
    entries = _entries(bundle)
    errors: dict[int, FhirError] = {}
    for position, entry in enumerate(entries):
        try:
            check_shell(model, {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
        except FhirError as error:
            place = f"Bundle.entry[{position}]"
            errors[position] = type(error)(
                issues=[
                    Issue(i.severity, i.code, i.diagnostics, i.expression.replace("Bundle.entry[0]", place, 1))
                    for i in error.issues
                ]
            )
    return entries, errors


def _entries(bundle: dict[str, Any]) -> list[Any]:
    entries = as_array(bundle.get("entry", []))
    if entries is None:
        raise Invalid("Bundle.entry is an array.", expression="Bundle.entry")
    if len(entries) > MOST_ENTRIES:
        raise Invalid(
            f"The Bundle has {len(entries)} entries; at most {MOST_ENTRIES} are accepted.", expression="Bundle.entry"
        )
    return entries


def _bare(entry: Any) -> Any:
    """An entry without its resource, which is checked where it is written."""
    node = as_object(entry)
    if node is None:
        return entry
    # That there is no request at all is said by `read_entry`, in better words.
    return {name: value for name, value in node.items() if name != "resource"} or _SOUND


def read_entry(outer: Request, find: Find, entry: Mapping[str, Any], position: int) -> Entry:
    """One entry as a request of its own. Raises Invalid, NotFound and MethodNotAllowed."""
    resource = as_object(entry.get("resource"))
    if "resource" in entry and (resource is None or not isinstance(resource.get("resourceType"), str)):
        raise Invalid("The resource has no resourceType.", expression=f"Bundle.entry[{position}].resource")
    asked = entry.get("request")
    if asked is None:
        raise Invalid("The entry has no request: it needs a method and a url.", expression=f"Bundle.entry[{position}]")
    method, url = asked["method"], asked["url"]
    path, _, query = _below_base(url, outer.base).partition("?")
    path = unquote(path).strip("/")
    request = outer.entry(method, path, query, _headers(outer, asked, position), resource)
    target, handler = find(method, path)
    request.interaction = target.interaction
    if not path and method == "POST":
        raise Invalid("A Bundle cannot hold another batch or transaction.", expression=f"Bundle.entry[{position}]")
    return Entry(position, entry.get("fullUrl", ""), resource, request, target, handler)


def _below_base(url: str, base: str) -> str:
    if url.startswith(base) and url[len(base) :][:1] in ("", "/", "?"):
        return url.removeprefix(base)
    if "://" in url.partition("?")[0]:
        raise Invalid(f"The url {url[:200]!r} is not on this server; write it relative to the base, such as Patient/1.")
    return url


def _headers(outer: Request, asked: Mapping[str, Any], position: int) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for element, header in (
        ("ifNoneMatch", b"if-none-match"),
        ("ifMatch", b"if-match"),
        ("ifNoneExist", b"if-none-exist"),
    ):
        if element in asked:
            headers[header] = asked[element].encode("utf-8")
    if "ifModifiedSince" in asked:
        headers[b"if-modified-since"] = http_date(to_us(asked["ifModifiedSince"]) // 1_000_000)
    if b"prefer" in outer.headers:
        headers[b"prefer"] = outer.headers[b"prefer"]
    return headers


def status_line(status: int) -> str:
    """A status with its phrase, such as `201 Created`."""
    return f"{status} {HTTPStatus(status).phrase}"


def answered(response: Response, base: str) -> bytes:
    """The entry of a response bundle that carries an answer."""
    location = response.header(b"location").removeprefix(f"{base}/")
    stored = response.stored
    error = response.status >= 400
    is_outcome = error or response.body.startswith(b'{"resourceType":"OperationOutcome"')
    return answer_entry(
        status_line(response.status),
        location=location,
        etag=response.header(b"etag"),
        modified=from_us(stored.updated) if stored else "",
        resource=b"" if is_outcome else response.body,
        outcome=response.body if is_outcome else b"",
    )


def at_entry(error: FhirError, entry: str, position: int) -> FhirError:
    """`error` as an error of the whole Bundle: each issue says which entry it is about."""
    return type(error)(issues=[_in_bundle(issue, entry, position) for issue in error.issues])


def _in_bundle(issue: Issue, entry: str, position: int) -> Issue:
    if issue.expression.startswith("Bundle.entry["):
        return issue
    place = f"Bundle.entry[{position}]"
    if issue.expression:
        _, dot, rest = issue.expression.partition(".")
        place = f"{place}.resource{dot}{rest}"
    return Issue(issue.severity, issue.code, f"{entry}: {issue.diagnostics}", place)
