"""Contained resources in the index: a Medication inside of a request has rows of its own, of the type `#Medication`.

Specification: https://hl7.org/fhir/R4/search.html#contained. The one thing to know: a contained resource is indexed by
the parameters of its type as if it were stored, under hashes that begin with `#` and under a key of its own that tells
its container (`suture.store.contained`); so all that is asked of it holds for one and the same contained resource.
"""

from collections.abc import Iterable

from suture.search.filters import Filter, Marked, Missing, Range, all_of
from suture.search.parameter import Parameter
from suture.store.keys import Keys

INNER = "#"
"""Begins the name of a type of contained resources."""

SELF = ":self"
"""The code of the row that every contained resource has in `dat`: its `lo` holds the bits of its parameters."""

CONTAINED = "_contained"
"""Stands beside the codes of the parameters of a type for what its resources contain."""

MAX_ENTERED = 5
"""Links of a chain up to which it also leads into contained resources."""


def inner_type(type: str) -> str:
    """The type of `type` resources that are contained."""
    return INNER + type


def plain_type(type: str) -> str:
    """`type` without the mark of contained resources."""
    return type.removeprefix(INNER)


def is_inner(type: str) -> bool:
    """True for a type of contained resources."""
    return type.startswith(INNER)


def waiting(type: str, code: str) -> str:
    """Stands beside the codes of a container's parameters, for the parameter `code` of such a type."""
    return f"{type}:{code}"


def self_hash(keys: Keys, type: str) -> int:
    """`h` of the SELF rows of a type of contained resources."""
    return keys.parameter(type, SELF)


def id_hash(keys: Keys, id: str) -> int:
    """The token of a contained resource with this id, and `t` of the references to it inside of its container."""
    return keys.resource(INNER, id)


def presence(keys: Keys, parameter: Parameter, *, missing: bool) -> Filter:
    """A parameter of the specification has no value (`missing`), or has one."""
    if is_inner(parameter.resource_type):
        return Marked(self_hash(keys, parameter.resource_type), parameter.bit, missing)
    return Missing(parameter.bit, missing)


def held_hash(keys: Keys, container: str, type: str) -> int:
    """A form of the vocabulary, there when resources of the type `container` contain some of the type `type`."""
    return keys.parameter(container, type)


def of_type(keys: Keys, type: str, filters: Iterable[Filter]) -> Filter:
    """A contained resource of a type of such that satisfies all `filters`."""
    return all_of((Range("dat", self_hash(keys, type), (("lo", ">=", 0),)), *filters))
