"""Sites: what is done with one kind of value at one place of a resource, for all parameters that index it there.

The generated code looks a value up in the cache under a key that begins with the site's number, and calls the
site on a miss. A site hashes the value for each of its parameters.
"""

from typing import Any, NamedTuple

import msgspec

from suture.fhir.references import parse_literal
from suture.search.extraction.cache import HashCache, Key
from suture.search.values import (
    canonical_forms,
    reference_forms,
    token_code,
    token_full,
    token_system,
    unit_code,
    unit_full,
)
from suture.store.keys import Keys

Tokens = tuple[int, ...]


class Use(msgspec.Struct, frozen=True):
    """One parameter that indexes the values of a site.

    `rows`: code under which rows are stored, "" when another use of the site stores them. `only`: types that a
    reference must lead to, () for any. `mask`: its bit of `present`. `rank`: how much it decides to which patient the
    resource belongs, 0 most; None not at all. `sdate`: its dates are the clinical date.
    """

    rows: str
    only: tuple[str, ...] = ()
    mask: int = 0
    rank: int | None = None
    sdate: bool = False


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


class CodeSite(Site):
    """Values without a system. Key: (number, code)."""

    def __call__(self, key: Key) -> Tokens:
        found: Tokens | None = self._cache.recall(key)
        if found is None:
            found = self.tokens(token_code(key[1]))
            self._cache.keep(key, found)
        return found


class CodingSite(Site):
    """Codes or identifiers with a system. Key: (number, system or None, code or None)."""

    def __call__(self, key: Key) -> Tokens:
        found: Tokens | None = self._cache.recall(key)
        if found is None:
            found = self.tokens(*coding_forms(key[1], key[2]))
            self._cache.keep(key, found)
        return found


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
        tok: list[int] = []
        ref: list[tuple[int, int]] = []
        mask = 0
        for use in self.uses:
            if use.only and target not in use.only:
                continue
            mask |= use.mask
            if use.rows:
                tok += [self._keys.token(self._type, use.rows, form) for form in self._forms(text or "")]
                if rh is not None:
                    ref.append((rh, self._keys.parameter(self._type, use.rows)))
        patient = rh if literal is not None and literal.type == "Patient" else None
        return Reach(tuple(tok), tuple(ref), patient, mask)


class ResourceSite(ReferenceSite):
    """Whole resources inside of a resource (Bundle.entry[0].resource): referred to by their type and id."""

    def of(self, resource: Any) -> Reach:
        """The contribution of `resource`; it is no row of `ref`, because nothing of that id need be stored."""
        type, id = resource.get("resourceType"), resource.get("id")
        found = self((self.number, f"{type}/{id}" if id else None, type))
        return found._replace(ref=(), patient=None)


class UnitSite(Site):
    """Units of quantities. Key: (number, system, code, unit), each or None. Gives `h` of the qty rows."""

    def __call__(self, key: Key) -> Tokens:
        found: Tokens | None = self._cache.recall(key)
        if found is None:
            any_unit = tuple(self._keys.parameter(self._type, code) for code in self._codes)
            found = (*any_unit, *self.tokens(*_unit_forms(key[1], key[2], key[3])))
            self._cache.keep(key, found)
        return found


def coding_forms(system: str | None, code: str | None) -> tuple[str, ...]:
    """Token forms of a Coding or an Identifier."""
    if code is None:
        return () if system is None else (token_system(system),)
    if system is None:
        return token_code(code), token_full("", code)
    return token_code(code), token_full(system, code), token_system(system)


def _unit_forms(system: str | None, code: str | None, unit: str | None) -> tuple[str, ...]:
    forms = {unit_code(text): None for text in (code, unit) if text}
    if code and system:
        forms[unit_full(system, code)] = None
    return tuple(forms)
