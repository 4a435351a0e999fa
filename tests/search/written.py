"""Values of resources written as values of searches: as they are, a little beside them, with prefixes and units.

Everything is chosen by one random generator, so that a seed gives the same texts again.
"""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.search.naive import EVER, plain
from tests.search.oracle.expressions import R4, find
from tests.search.oracle.matching import escape
from tests.search.oracle.units import UCUM, base
from tests.search.oracle.values import Quantity, Token
from tests.search.oracle.world import READERS, World

PREFIXES = ("", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
ALIKE = (
    ("mg", "g", "kg"),
    ("cm", "mm", "m"),
    ("mL", "L", "fL"),
    ("mg/dL", "g/L", "ng/mL"),
    ("10*3/uL", "10*6/uL", "/L"),
)
"""Units of the same dimension."""

NOTHING = {"token": "none", "string": "none", "date": "2020"}
"""What is asked of a component for which no value is at hand."""


class Writer:
    """Writes values of a world. `features` are what a question uses; they are added to."""

    def __init__(self, world: World, choose: random.Random) -> None:
        self._world = world
        self._choose = choose

    def _maybe(self, share: float) -> bool:
        return self._choose.random() < share

    def modifier(self, type: str, code: str, held: Sequence[Any]) -> str:
        """A modifier that the values `held` of a parameter give something to."""
        if type == "string":
            return self._choose.choice(("", "", "exact", "contains"))
        if type == "uri":
            return self._choose.choice(("", "below", "above"))
        if type == "token":
            able = ["", "", "", "not"]
            if any(one.texts for one in held):
                able.append("text")
            if code == "identifier" and any(one.types and one.code for one in held):
                able.append("of-type")
            return self._choose.choice(able)
        return ""

    def written(self, type: str, modifier: str, value: Any, features: set[str]) -> str:
        """A value of a resource as a value of a search, perhaps a little beside it."""
        match type:
            case "token":
                text = self.token(value, modifier)
                if value.implied and text.endswith("|"):
                    features.add("token:implied-system")
                return text
            case "string":
                return self.string(value, modifier)
            case "date":
                return self._date(value)
            case "number":
                return self._choose.choice(PREFIXES) + self._number(value[0])
            case "quantity":
                return self._quantity(value, features)
            case "reference":
                return self._reference(value)
            case _:
                return self._uri(value, modifier)

    def token(self, value: Token, modifier: str = "") -> str:
        """code, system|code, |code or system|; text for `:text`, type and value for `:of-type`."""
        choose = self._choose
        if modifier == "text":
            return self.string(choose.choice(value.texts) if value.texts else "positive", "")
        code = value.code if value.code is not None else "none"
        code = choose.choice((code, code, code, code.upper(), code + "x", code[:-1] or "y"))
        if modifier == "of-type":
            system, type = choose.choice(value.types) if value.types else ("urn:none", "MR")
            return "|".join(map(escape, (system, type, code)))
        if value.code is None or self._maybe(0.5):
            return escape(code)
        system = escape(value.systems[0]) if value.systems else ""
        if system and self._maybe(0.2):
            return f"{system}|"
        return choose.choice((f"{system}|{escape(code)}",) * 4 + (f"|{escape(code)}", f"urn:none|{escape(code)}"))

    def string(self, value: str, modifier: str) -> str:
        """All of a text or a part of it."""
        text = value
        if self._maybe(0.5):
            text = text[: self._choose.randint(1, len(text))]
        if modifier == "contains" and self._maybe(0.6):
            text = value[self._choose.randrange(len(value)) :][: self._choose.randint(1, 6)]
        if not text.isascii() and self._maybe(0.5):
            text = plain(text)
        text = self._choose.choice((text, text, text.upper(), text + "z", plain(text)))
        return escape(text.strip() or value)

    def _date(self, value: tuple[Fraction, Fraction]) -> str:
        ends = [int(end) for end in value if abs(end) != EVER]
        if len(ends) == 2:
            ends.append(sum(ends) // 2)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._choose.choice(ends))
        moment += self._choose.choice(
            (timedelta(0),) * 5 + (timedelta(days=1), timedelta(seconds=-1), timedelta(days=-400))
        )
        prefix = self._choose.choice(PREFIXES)
        if prefix == "ap" and moment > datetime.now(UTC) - timedelta(days=500):
            prefix = "ge"  # what is near to the present changes while the test runs
        text = self._choose.choice(("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "ms"))
        if "T" in text or text == "ms":
            offset = self._choose.choice((UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5.5))))
            moment = moment.astimezone(offset)
            zone = "Z" if offset is UTC else f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:]
            body = moment.isoformat(timespec="milliseconds")[:23] if text == "ms" else moment.strftime(text)
            return prefix + body + zone
        return prefix + moment.strftime(text)

    def _number(self, value: Fraction) -> str:
        if abs(value) == EVER:
            return "1"
        number = _decimal(value)
        if self._maybe(0.3):
            number += self._choose.choice((Decimal("0.1"), Decimal(-1), Decimal("0.05"), Decimal(100)))
        if self._maybe(0.3):
            number = number.quantize(Decimal(1).scaleb(-self._choose.randint(0, 3)))
        return f"{Decimal(f'{number:.12g}'):f}"  # doubles hold no more

    def _quantity(self, value: Quantity, features: set[str]) -> str:
        number = value.low if abs(value.low) != EVER else value.high
        prefix = self._choose.choice(PREFIXES)
        unit = base(value.code) if value.system == UCUM else None
        if unit and (
            alike := [code for codes in ALIKE for code in codes if (other := base(code)) and other[0] == unit[0]]
        ):
            features.add("quantity:converted")  # also when asked in its own unit: it finds the other units as well
            code = self._choose.choice((*alike, value.code))
            if code != value.code and (other := base(code)):
                return f"{prefix}{self._number(number * unit[1] / other[1])}|{UCUM}|{code}"
        own = escape(value.code or value.unit or "mg")
        forms = ("", f"||{own}", f"|{escape(value.system)}|{own}" if value.system else f"||{own}", "||none")
        return prefix + self._number(number) + self._choose.choice(forms)

    def _reference(self, value: str) -> str:
        key = self._world.local(value)
        if key.count("/") != 1 or ":" in key:
            return self._choose.choice((escape(value), escape(value.partition("|")[0]), escape(value) + "x"))
        forms = (key, key, key.partition("/")[2], self._world.base + key, key + "0", value)
        return escape(self._choose.choice(forms))

    def typed(self, values: Sequence[str]) -> tuple[str, str] | None:
        keys = [key for key in map(self._world.local, values) if key.count("/") == 1 and ":" not in key]
        if not keys:
            return None
        type = keys[0].partition("/")[0]
        return type, ",".join(id for key in keys for kind, _, id in [key.partition("/")] if kind == type)

    def identifiers(self, type: str, code: str) -> list[Token]:
        nodes = [n for key in self._world.of(type) for n in self._world.nodes(key, code) if n.type == "Reference"]
        return [token for node in nodes for inner in node.child("identifier") for token in READERS["token"](inner)]

    def _uri(self, value: str, modifier: str) -> str:
        choose = self._choose
        if modifier == "below":
            value = choose.choice((value, value.rpartition("/")[0] or value, value[:-1]))
        if modifier == "above":
            value += choose.choice(("", "/more", "/more/still", "x"))
        return escape(choose.choice((value, value, value + "x", value.upper())))

    def composite(self, type: str, code: str, features: set[str]) -> str:
        """Values of the components of one element, sometimes of different ones."""
        parameter = self._world.parameter(type, code)
        by_url = {one.url: one for one in R4.search_parameters}
        texts: list[str] = []
        elements = [(key, node) for key in self._world.of(type) for node in self._world.nodes(key, code)]
        whole, focus = self._choose.choice(elements)
        for component in parameter.components:
            kind = by_url[component.definition].type
            root = self._world.root(whole)
            held = [one for node in find(component.expression, focus, root) for one in READERS[kind](node)]
            for _ in range(20):
                if held and not self._maybe(0.1):
                    break
                key, other = self._choose.choice(elements)
                held = [v for n in find(component.expression, other, self._world.root(key)) for v in READERS[kind](n)]
            text = self.written(kind, "", self._choose.choice(held), features) if held else NOTHING.get(kind, "1")
            texts.append(text.replace("$", "\\$") if "\\$" not in text else text)
        if sum(text.startswith("ne") for text in texts[1:]) > 1:
            features.add("composite:ne")
        return "$".join(texts)


def _decimal(value: Fraction) -> Decimal:
    """Exact where the value has a short decimal form, else with twelve digits."""
    return Decimal(f"{Decimal(value.numerator) / Decimal(value.denominator):.12g}").normalize()
