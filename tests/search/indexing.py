"""What a resource contributes to the index, in words that tests can ask about."""

from functools import cache
from typing import Any

from suture.fhir.definitions import load
from suture.fhir.versions import Version
from suture.search.indexer import Indexer
from suture.search.parameters import SearchParameters
from suture.search.values import TEXT_SUFFIX
from suture.store.keys import Keys
from suture.store.rows import IndexRows

KEYS = Keys(b"a secret for tests only")


@cache
def parameters(version: Version = Version.R4) -> SearchParameters:
    return SearchParameters(load(version))


@cache
def indexer(version: Version = Version.R4) -> Indexer:
    return Indexer(parameters(version), KEYS)


class Indexed:
    """The rows of one resource."""

    def __init__(self, resource: dict[str, Any], version: Version = Version.R4) -> None:
        self.type: str = resource["resourceType"]
        self.rows: IndexRows = indexer(version).rows(resource)
        self._parameters = parameters(version)

    def has_token(self, code: str, form: str) -> bool:
        """True when a search for `form` finds the resource: by a row of its own or by one the vocabulary names."""
        wanted = KEYS.token(self.type, code, form)
        meant = {word.h for word in self.rows.words if any(s == wanted for s, _ in word.forms)}
        return wanted in self.rows.tok or not meant.isdisjoint(self.rows.tok)

    def texts(self, code: str) -> set[str]:
        """The texts by which `code:text` finds the resource."""
        return self._words(code + TEXT_SUFFIX)

    def sorted_by(self, code: str) -> set[str]:
        """The texts by which the resource is sorted under the token parameter `code`."""
        return self._words(code)

    def _words(self, code: str) -> set[str]:
        words = [word for word in self.rows.words if word.h in self.rows.tok]
        return {norm for word in words for p, norm in word.texts if p == self._h(code)}

    def strings(self, code: str) -> set[tuple[str, str]]:
        return {(norm, raw) for h, norm, raw in self.rows.str if h == self._h(code)}

    def norms(self, code: str) -> set[str]:
        return {norm for norm, _ in self.strings(code)}

    def dates(self, code: str) -> set[tuple[int, int]]:
        return {(lo, hi) for h, lo, hi in self.rows.dat if h == self._h(code)}

    def amounts(self, code: str, unit: str | None = None) -> set[tuple[float, float]]:
        wanted = self._h(code) if unit is None else KEYS.token(self.type, code, unit)
        return {(lo, hi) for h, lo, hi in self.rows.qty if h == wanted}

    def refers(self, code: str, type: str, id: str) -> bool:
        return (KEYS.resource(type, id), self._h(code)) in self.rows.ref

    def has(self, code: str) -> bool:
        parameter = self._parameters.get(self.type, code)
        assert parameter is not None and parameter.bit >= 0
        return bool(self.rows.present >> parameter.bit & 1)

    def _h(self, code: str) -> int:
        return KEYS.parameter(self.type, code)


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "anything"}, **members}


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}
