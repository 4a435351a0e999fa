"""What a terminology request asks for: the parameters that $expand, $validate-code and $lookup share, read once.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html#parameters and valueset-operation-validate-code.
The one thing to know: a value set may bring parameters of its own in the extension `valueset-expansion-parameter`; they
count where the request says nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from suture.fhir.outcomes import Invalid
from suture.terminology.languages import Languages, parse
from suture.terminology.problems import Problem, Refused
from suture.terminology.systems import Json
from suture.terminology.versions import MODES, NO_RULES, Rules, rule_of

_PARAMETER = (
    "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter",
    "http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-parameter",
)

_MODES = frozenset(MODES)

Values = Mapping[str, Sequence[Any]]
"""Parameters by name, each with all its values: JSON values, resources, or the strings of a URL."""

ECHOED = (
    ("activeOnly", "Boolean"), ("excludeNested", "Boolean"), ("excludeNotForUI", "Boolean"),
    ("excludePostCoordinated", "Boolean"), ("includeDefinition", "Boolean"), ("includeDesignations", "Boolean"),
    ("limitedExpansion", "Boolean"), ("incomplete-ok", "Boolean"), ("count", "Integer"), ("offset", "Integer"),
    ("filter", "String"), ("date", "DateTime"),
)  # fmt: skip
"""The parameters of an expansion that it repeats as they were given, with the type of their value."""


class Asked:
    """The parameters of one request. `accept`: its Accept-Language header."""

    def __init__(self, values: Values, accept: str = "") -> None:
        self._values = values
        self._accept = accept
        self._of_value_set: dict[str, Any] = {}
        self._language = ""

    def see(self, value_set: Json) -> "Asked":
        """The same with the parameters that a value set brings along."""
        own: dict[str, Any] = {}
        compose: Json = value_set.get("compose") or {}
        for one in (*compose.get("extension", ()), *value_set.get("extension", ())):
            if one.get("url") in _PARAMETER:
                parts = {part.get("url"): _value(part) for part in one.get("extension", ())}
                if isinstance(parts.get("name"), str) and parts.get("value") is not None:
                    own.setdefault(parts["name"], parts["value"])
        if not own and not value_set.get("language"):
            return self
        other = Asked(self._values, self._accept)
        other._of_value_set = own
        other._language = value_set.get("language", "")
        return other

    def has(self, name: str) -> bool:
        """Whether the request itself gives a parameter."""
        return bool(self._values.get(name))

    def one(self, name: str) -> Any:
        """The value of a parameter; None when it is absent. Raises Invalid when it was given more than once."""
        values = self._values.get(name, ())
        if len(values) > 1:
            raise Invalid(f"The parameter {name!r} was given {len(values)} times; it may be given once.")
        return values[0] if values else self._of_value_set.get(name)

    def all(self, name: str) -> Sequence[Any]:
        """All values of a parameter."""
        values = self._values.get(name, ())
        return values or ((self._of_value_set[name],) if name in self._of_value_set else ())

    def text(self, name: str) -> str:
        """A parameter that is a string, "" when it is absent. Raises Invalid."""
        value = self.one(name)
        if value is not None and not isinstance(value, str):
            raise Invalid(f"The parameter {name!r} must be a string.")
        return value or ""

    def truth(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false. Raises Invalid."""
        value = self.one(name)
        if value is None:
            return default
        if value in ("true", "false"):
            return value == "true"
        if not isinstance(value, bool):
            raise Invalid(f"The parameter {name!r} must be true or false.")
        return value

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number. Raises Invalid."""
        value = self.one(name)
        if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 10:
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise Invalid(f"The parameter {name!r} must be a whole number.")

    def texts(self, name: str) -> list[str]:
        """A repeating parameter of strings. Raises Invalid."""
        found: list[str] = []
        for value in self.all(name):
            if not isinstance(value, str):
                raise Invalid(f"The parameter {name!r} must be a string.")
            found.append(value)
        return found

    @property
    def languages(self) -> Languages | None:
        """What displays are to be in: by parameter, else as the value set says, else by header, else its language.

        Raises Refused for a parameter that is no list of language tags.
        """
        asked = self.text("displayLanguage")
        for text in (asked, self._accept, self._language):
            found = parse(text) if text and text != "*" else None
            if found is not None and text is asked and not found.well_formed:
                raise Refused(
                    Problem(
                        "error",
                        "processing",
                        "invalid-display",
                        "INVALID_DISPLAY_NAME",
                        f"Invalid displayLanguage: '{text[:200]}'",
                    )
                )
            if found is not None:
                return found
        return None

    @property
    def rules(self) -> Rules:
        """What the request says of versions. Raises Invalid."""
        if _MODES.isdisjoint(self._values) and _MODES.isdisjoint(self._of_value_set):
            return NO_RULES
        found = [(name, text) for name in MODES for text in self.texts(name)]
        rules = [(rule_of(name, text), name, text) for name, text in found]
        for rule, name, text in rules:
            if rule is None:
                raise Invalid(f"The parameter {name!r} is a canonical with a version, url|version, not {text[:200]!r}.")
        return Rules(tuple(rule for rule, _, _ in rules if rule is not None))

    @property
    def supplements(self) -> list[str]:
        """The supplements that the request asks for."""
        return self.texts("useSupplement")

    def echo(self) -> Iterable[Json]:
        """The parameters that an expansion repeats, with the rules on versions left to those who use them."""
        for name, type in ECHOED:
            value = self._read(name, type)
            if value is not None:
                yield {"name": name, f"value{type}": value}
        languages = self.languages
        if languages is not None:
            yield {"name": "displayLanguage", "valueCode": languages.summary}
        for name in ("designation",):
            for text in self.texts(name):
                yield {"name": name, "valueString": text}

    def _read(self, name: str, type: str) -> Any:
        if self.one(name) is None:
            return None
        match type:
            case "Boolean":
                return self.truth(name)
            case "Integer":
                return self.number(name)
            case _:
                return self.text(name)


def _value(element: Json) -> Any:
    return next((value for name, value in element.items() if name.startswith("value")), None)


class Coded(msgspec.Struct, frozen=True):
    """One coding to be judged. `place`: where it is in what was sent: "", `Coding` or `CodeableConcept.coding[0]`."""

    system: str
    version: str
    code: str
    display: str
    place: str

    def at(self, element: str) -> str:
        """The place of one of its elements."""
        return f"{self.place}.{element}" if self.place else element

    @property
    def shown(self) -> str:
        """As messages name it: `system|version#code ('display')`."""
        version = f"|{self.version}" if self.version else ""
        display = f" ('{self.display}')" if self.display else ""
        return f"{self.system}{version}#{self.code}{display}"
