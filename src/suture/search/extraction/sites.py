"""Sites: what is done with one kind of value at one place of a resource, for all parameters that index it there.
Here: the general site, references and units; coded values are in `coded`.

The generated code looks a value up in the cache under a key that begins with the site's number, and calls the
site on a miss. A site hashes the value for each of its parameters.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from suture.fhir.references import parse_literal
from suture.fhir.ucum import Canonical, canonical
from suture.search.contained import INNER, id_hash
from suture.search.extraction.cache import HashCache, Key
from suture.search.extraction.measures import (
    CURRENCIES,
    compared,
    quantity,
    quantity_range,
    range_unit,
    sampled,
    sampled_unit,
)
from suture.search.values import canonical_forms, reference_forms, unit_code, unit_dimension, unit_full
from suture.store.keys import Keys

UCUM = "http://unitsofmeasure.org"

Tokens = tuple[int, ...]
_NONE: Mapping[str, str] = MappingProxyType({})

AmountRow = tuple[int, float, float]


class Use(msgspec.Struct, frozen=True):
    """One parameter that indexes the values of a site.

    `rows`: code under which rows are stored, "" when another use of the site stores them. `only`: types that a
    reference must lead to, () for any. `mask`: its bit of `present`. `rank`: how much it decides to which patient the
    resource belongs, 0 most; None not at all. `sdate`: its dates are the clinical date. `paired`: its codings are
    wanted together with the resource's patient.
    """

    rows: str
    only: tuple[str, ...] = ()
    mask: int = 0
    rank: int | None = None
    sdate: bool = False
    paired: bool = False


class Site:
    """A place with a number, the resource type, and the codes whose rows it makes."""

    def __init__(self, number: int, type: str, uses: tuple[Use, ...], keys: Keys, cache: HashCache) -> None:
        self.number = number
        self.uses = uses
        self._type = type
        self._codes = tuple(sorted({use.rows for use in uses if use.rows}))
        self._keys = keys
        self._cache = cache

    def tokens(self, *forms: str) -> Tokens:
        """The hashes of `forms` for every code of the site."""
        return tuple(self._keys.token(self._type, code, form) for code in self._codes for form in forms)


class Reach(NamedTuple):
    """What one reference contributes: `tok` and `ref` rows, the `ck` of the patient it leads to, bits of `present`."""

    tok: Tokens
    ref: tuple[tuple[int, int], ...]
    patient: int | None
    mask: int


class ReferenceSite(Site):
    """References, canonicals and URIs of reference parameters. Key: (number, text or None[, Reference.type])."""

    def __init__(
        self, number: int, type: str, uses: tuple[Use, ...], keys: Keys, cache: HashCache, *, canonical: bool = False
    ) -> None:
        super().__init__(number, type, uses, keys, cache)
        self._forms = canonical_forms if canonical else reference_forms

    def __call__(self, key: Key) -> Reach:
        found: Reach | None = self._cache.recall(key)
        if found is None:
            found = self.reach(key[1], key[2] if len(key) > 2 else None)
            self._cache.keep(key, found)
        return found

    def reach(self, text: str | None, declared: str | None) -> Reach:
        """The contribution of the reference `text`; `declared`: Reference.type, for texts that do not tell it."""
        literal = parse_literal(text) if text else None
        target = literal.type if literal else declared
        rh = self._keys.resource(literal.type, literal.id) if literal and not literal.base else None
        forms = self._forms(text or "")
        inside = text is not None and text.startswith(INNER) and self._forms is reference_forms
        if text is not None and inside:
            rh = id_hash(self._keys, text[1:])
        if rh is not None and self._forms is reference_forms:
            forms = forms[1:]  # what a row of ref says needs no token
        tok: list[int] = []
        ref: list[tuple[int, int]] = []
        mask = 0
        for use in self.uses:
            fits = not use.only or target in use.only
            if fits:
                mask |= use.mask
            if use.rows and (fits or (inside and target is None)):  # of a contained resource its own rows tell the type
                tok += [self._keys.token(self._type, use.rows, form) for form in forms]
                if rh is not None:
                    ref.append((rh, self._keys.parameter(self._type, use.rows)))
        patient = rh if literal is not None and literal.type == "Patient" else None
        return Reach(tuple(tok), tuple(ref), patient, mask)


def contained_types(resource: Mapping[str, Any]) -> Mapping[str, str]:
    """The types of contained resources, by the references to them."""
    contained = resource.get("contained")
    if contained is None:
        return _NONE
    return {INNER + each.get("id", ""): each["resourceType"] for each in contained}


class ResourceSite(Site):
    """Whole resources inside of a resource (Bundle.entry[0].resource): referred to by their type and id."""

    def of(self, resource: Any) -> Reach:
        """The contribution of `resource`; it is no row of `ref`, because nothing of that id need be stored."""
        type, id = resource.get("resourceType"), resource.get("id")
        key = (self.number, type, id)
        found: Reach | None = self._cache.young.get(key) or self._cache.recall(key)
        if found is None:
            uses = [use for use in self.uses if not use.only or type in use.only]
            rows = [use.rows for use in uses if use.rows]
            tok = [self._keys.token(self._type, code, f"{type}/{id}") for code in rows] if id else []
            mask = 0
            for use in uses:
                mask |= use.mask
            found = Reach(tuple(tok), (), None, mask)
            self._cache.keep(key, found)
        return found


class Conversion(msgspec.Struct, frozen=True):
    """Rows `hs` that hold a value in base units: value * `up` / `down` + `plus` / `down`, all integers."""

    hs: Tokens
    up: int
    down: int
    plus: int

    def number(self, value: Any) -> float:
        """A decimal in base units, exact but for the last rounding to a double."""
        over, under = value.as_integer_ratio()
        try:
            return (over * self.up + under * self.plus) / (under * self.down)
        except OverflowError:
            return math.copysign(math.inf, over)

    def quantity(self, value: dict[str, Any]) -> list[AmountRow]:
        """The rows of a Quantity that has a value."""
        lo = hi = self.number(value["value"])
        if "comparator" in value:
            lo, hi = compared(lo, value["comparator"])
        return [(h, lo, hi) for h in self.hs]

    def range(self, value: dict[str, Any]) -> list[AmountRow]:
        """The rows of a Range that has an end."""
        low: dict[str, Any] = value.get("low") or {}
        high: dict[str, Any] = value.get("high") or {}
        lo = self.number(low["value"]) if low.get("value") is not None else -math.inf
        hi = self.number(high["value"]) if high.get("value") is not None else math.inf
        return [(h, lo, hi) for h in self.hs]

    def span(self, lo: float, hi: float) -> list[AmountRow]:
        """The rows of sampled values from `lo` to `hi`."""
        ends = [end if math.isinf(end) else self.number(end) for end in (lo, hi)]
        return [(h, ends[0], ends[1]) for h in self.hs]


class UnitSite(Site):
    """Units of quantities. Key: (number, system, code, unit), each or None.

    Gives `h` of the rows that hold the value as it is, and the Conversion for those in base units, if any.
    """

    def __call__(self, key: Key) -> tuple[Tokens, Conversion | None]:
        found: tuple[Tokens, Conversion | None] | None = self._cache.recall(key)
        if found is None:
            _, system, code, unit = key
            plain = [self._keys.parameter(self._type, rows) for rows in self._codes]
            plain += self.tokens(*(unit_code(text) for text in dict.fromkeys((code, unit)) if text))
            conversion = None
            if code and system:
                base = canonical(code) if system == UCUM else None
                hs = self.tokens(unit_full(system, code) if base is None else unit_dimension(base.dimension))
                if base is None or (base.factor == 1 and not base.offset):
                    plain += hs
                else:
                    conversion = _conversion(hs, base)
            found = tuple(plain), conversion
            self._cache.keep(key, found)
        return found

    def rows(self, form: str, value: dict[str, Any]) -> list[AmountRow]:
        """The rows of a Quantity, Money, Range or SampledData (by its form in the table of datatypes)."""
        match form:
            case "quantity-range":
                found, unit = quantity_range(value), range_unit(value)
            case "sampled":
                found, unit = sampled(value), sampled_unit(value)
            case _:
                found, unit = quantity(value), value
        if found is None:
            return []
        key = (self.number, unit.get("system"), unit.get("code"), unit.get("unit"))
        if form == "money":
            key = (self.number, CURRENCIES, value.get("currency"), None)
        plain, based = self._cache.young.get(key) or self(key)
        rows = [(h, *found) for h in plain]
        if based is not None:
            match form:
                case "quantity-range":
                    rows += based.range(value)
                case "sampled":
                    rows += based.span(*found)
                case _:
                    rows += based.quantity(value)
        return rows


def _conversion(hs: Tokens, base: Canonical) -> Conversion:
    down = base.factor.denominator * base.offset.denominator
    return Conversion(hs, int(base.factor * down), down, int(base.offset * down))
