"""From a resource that a client sent to what the store takes: checked, indexed, split.

Specification: https://hl7.org/fhir/R4/http.html#create and #update. The one thing to know: this is pure work on
one dict and runs before the store is asked for anything, so that the group commit only has to decide and splice.
"""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from suture.api.services import Model
from suture.api.shapes import as_array, as_object, kind_of
from suture.deferred import deferred
from suture.fhir.json import split_body
from suture.fhir.outcomes import Invalid, Issue, Unprocessable
from suture.search import custom
from suture.store.rows import Prepared

if TYPE_CHECKING:
    from suture.fhir import profiles
else:
    profiles = deferred("suture.fhir.profiles")

T = TypeVar("T")

_ROUNDS = 8
"""Times that answers may lead to new questions."""

_CONDITIONAL_REFERENCE = re.compile(rb'"reference":"([A-Za-z]{1,80}\?[^"]{0,200})')


def new_id() -> str:
    """A fresh resource id: a random UUID (version 4)."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def prepare(model: Model, resource: dict[str, Any]) -> Prepared:
    """Check `resource` and make it ready to be written.

    Raises InvalidStructure with every problem when the structure is wrong, Unprocessable for broken invariants and
    profiles and for a SearchParameter that cannot be built; Waits when answers are needed first (see `ready`).
    """
    model.gate.check(resource)
    if resource["resourceType"] == "SearchParameter":
        custom.check(model.parameters, resource)
    meta, rest = split_body(resource)
    rows, generation = model.indexer.rows(resource), model.generation
    return Prepared(resource["resourceType"], meta, rest, rows, model.version.value, generation)


async def ready(make: Callable[[], T]) -> T:
    """What `make` makes by `prepare`, after the answers that it waits for."""
    for _ in range(_ROUNDS):
        try:
            return make()
        except profiles.Waits as waits:
            await waits.answer()
    return make()


def prepare_alone(model: Model, resource: dict[str, Any]) -> Prepared:
    """`prepare` for a resource outside a transaction, where conditional references stay unresolved.

    Raises Unprocessable when there is one. See https://hl7.org/fhir/R4/http.html#trules.
    """
    prepared = prepare(model, resource)
    found = _CONDITIONAL_REFERENCE.search(prepared.rest)
    if found and prepared.type != "Bundle":
        raise Unprocessable(
            f"The reference {found[1].decode()!r} is conditional, which only a transaction resolves: send the resource "
            "in a transaction Bundle, or refer by type and id."
        )
    return prepared


def check_type(model: Model, resource: dict[str, Any], type: str) -> None:
    """Raise Invalid unless `resource` is of the type that the URL names."""
    given = resource["resourceType"]
    if given != type:
        known = "" if given in model.types else ", which is not a resource type here"
        raise Invalid(
            f"The URL is for {type}, and the body is a {str(given)[:80]}{known}.", expression=f"{type}.resourceType"
        )


def check_id(resource: dict[str, Any], type: str, id: str) -> None:
    """Raise Invalid unless `resource` has the id that the URL names."""
    given = resource.get("id")
    if given is None:
        raise Invalid(f"The body needs an id, the same as in the URL: {id!r}.", expression=f"{type}.id")
    if given != id:
        raise Invalid(
            f"The id in the body ({str(given)[:80]!r}) is not the one in the URL ({id!r}).", expression=f"{type}.id"
        )


def refuse_subset(resource: dict[str, Any]) -> None:
    """Raise Unprocessable when `resource` says of itself that parts of it were left out (tag SUBSETTED).

    Writing such a result of `_summary` or `_elements` back would lose the other parts. See
    https://hl7.org/fhir/R4/search.html#summary.
    """
    meta = as_object(resource.get("meta")) or {}
    tags = as_array(meta.get("tag")) or []
    if any((as_object(tag) or {}).get("code") == "SUBSETTED" for tag in tags):
        text = "The resource is tagged SUBSETTED: it is a part of the whole, and saving it would lose the rest."
        raise Unprocessable(issues=[Issue("error", "business-rule", text, f"{resource['resourceType']}.meta.tag")])


def strip_own_base(resource: Any, base: str) -> None:
    """Make references to this server relative, in place: `{base}/Patient/1` becomes `Patient/1`."""
    prefix = f"{base}/"
    stack: list[Any] = [resource]
    while stack:
        node: Any = stack.pop()
        shape = kind_of(node)
        if shape is dict:
            for key, value in node.items():
                kind = kind_of(value)
                if kind is dict or kind is list:
                    stack.append(value)
                elif key == "reference" and kind is str and value.startswith(prefix):
                    node[key] = value.removeprefix(prefix)
        elif shape is list:
            stack.extend(node)


def mentions(body: bytes, base: str) -> bool:
    """Whether the bytes of a resource, JSON or XML, may hold references to this server's own base."""
    # one byte is found eight times as fast as two
    return base.encode() in body or (b"\\" in body and b"\\/" in body) or (b"&" in body and b"&#" in body)
