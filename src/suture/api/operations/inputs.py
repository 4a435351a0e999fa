"""The input parameters of an operation: from the URL, from a Parameters resource, or a resource sent by itself.

Specification: https://hl7.org/fhir/R4/operations.html#executing. The one thing to know: a parameter that the
operation does not have is refused with the nearest one that it has, as everywhere in Suture.
"""

import contextlib
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from suture.api.http import PRESENTATION, Request
from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid


class Inputs:
    """What an operation was called with. Values of one parameter keep their order."""

    __slots__ = ("_values", "body")

    def __init__(self, values: Mapping[str, list[Any]], body: dict[str, Any] | None) -> None:
        self._values = values
        self.body = body

    def all(self, name: str) -> list[Any]:
        """Every value of a parameter: JSON values, resources, or the strings of the URL."""
        return self._values.get(name, [])

    def one(self, name: str) -> Any:
        """The value of a parameter, None when it is absent. Raises Invalid when it was given more than once."""
        values = self.all(name)
        if len(values) > 1:
            raise Invalid(f"The parameter {name!r} was given {len(values)} times; it may be given once.")
        return values[0] if values else None

    def text(self, name: str) -> str:
        """A parameter that is a string, "" when it is absent. Raises Invalid."""
        value = self.one(name)
        if value is not None and not isinstance(value, str):
            raise Invalid(f"The parameter {name!r} must be a string.")
        return value or ""

    def codes(self, name: str) -> tuple[str, ...]:
        """A repeating parameter of codes, each value possibly several with commas. Raises Invalid."""
        values = self.all(name)
        if not all(isinstance(value, str) for value in values):
            raise Invalid(f"The parameter {name!r} must be a code.")
        return tuple(code for value in values for code in value.split(",") if code)

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number of at least 0. Raises Invalid."""
        value = self.one(name)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise Invalid(f"The parameter {name!r} must be a whole number of at least 0.")

    def moment(self, name: str) -> tuple[int, int] | None:
        """A date, dateTime or instant as its first and last microsecond since 1970 UTC. Raises Invalid."""
        text = self.text(name)
        if not text:
            return None
        try:
            return bounds(text.replace(" ", "+"))
        except ValueError as error:
            raise Invalid(f"The parameter {name!r} is wrong: {error}") from None


async def read_inputs(request: Request, known: Iterable[str]) -> Inputs:
    """Read the parameters of a call. `known`: the names that the operation has.

    A resource that is not a Parameters becomes `Inputs.body`; what a body says about the form of the answer counts as
    said in the URL. Raises Invalid.
    """
    names = frozenset(known)
    pairs, body = await read_pairs(request)
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise Invalid(f"The operation has no parameter {name[:80]!r}.{hint}")
    return Inputs(values, body)


async def read_pairs(request: Request) -> tuple[list[tuple[str, Any]], dict[str, Any] | None]:
    """Names and values from the URL and then from the body, in order, without those about the form of the answer.

    Also the body itself when it is a resource other than Parameters. Raises Invalid.
    """
    given: list[tuple[str, Any]] = []
    body: dict[str, Any] | None = None
    if request.method == "POST" and (request.bundled or await request.body()):
        if request.header("content-type").startswith("application/x-www-form-urlencoded"):
            given += await request.form()
        else:
            body = await _resource(request)
    if body is not None and body["resourceType"] == "Parameters":
        given += _parameters(body)
        body = None
    pairs = [pair for pair in (*request.pairs, *given) if pair[0] not in PRESENTATION]
    request.adopt((name, _shown(value)) for name, value in given)
    return pairs, body


def _shown(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


async def _resource(request: Request) -> dict[str, Any] | None:
    """The resource in the body; None for an entry of a bundle that has none."""
    if not request.bundled:
        return await request.resource()
    with contextlib.suppress(Invalid):
        return await request.resource()
    return None


def _parameters(body: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    listed = body.get("parameter", [])
    if not isinstance(listed, list):
        raise Invalid("Parameters.parameter is an array.", expression="Parameters.parameter")
    for number, entry in enumerate(cast("list[Any]", listed)):
        place = f"Parameters.parameter[{number}]"
        given = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        name = given.get("name")
        if not isinstance(name, str):
            raise Invalid("A parameter needs a name.", expression=place)
        found = [value for key, value in given.items() if key in ("resource", "part") or key.startswith("value")]
        if len(found) != 1:
            raise Invalid(f"The parameter {name[:80]!r} needs one value.", expression=place)
        yield name, found[0]
