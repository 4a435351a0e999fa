"""From a resource to its index rows.

For each resource type a function is generated from the expressions of its search parameters (`extraction/`) when
the first resource of that type comes. The one thing to know: it relies on a validated resource; values of
contained resources are not indexed as those of their container but apart (`suture.search.contained`).
"""

from collections.abc import Container, Sequence
from typing import Any

import msgspec

from suture.fhir.outcomes import InvalidStructure
from suture.search.contained import held_hash, id_hash, inner_type, plain_type, self_hash
from suture.search.extraction.cache import HashCache
from suture.search.extraction.source import Extractor, Source
from suture.search.extraction.tree import plant
from suture.search.parameters import MAX_BITS, SearchParameters
from suture.search.prose import prose
from suture.search.prose_inside import prose_rows_inside
from suture.search.values import PRESENT_SUFFIX
from suture.store.contained import MOST
from suture.store.keys import Keys
from suture.store.rows import IndexRows, Word

_BEYOND = 1 << MAX_BITS
"""The first number that `present` cannot hold."""


class Indexer:
    """Makes the index rows of resources of one FHIR version for one database.

    `full_text`: the resource types whose words are indexed.
    """

    def __init__(self, parameters: SearchParameters, keys: Keys, full_text: Container[str] = ()) -> None:
        self._parameters = parameters
        self._full_text = full_text
        self._keys = keys
        self._cache = HashCache()
        self._extractors: dict[str, Extractor] = {}

    def revised(self, parameters: SearchParameters, different: Container[str]) -> "Indexer":
        """The same by other parameters, which are different for some types."""
        same = Indexer(parameters, self._keys, self._full_text)
        same._cache = self._cache
        same._extractors = {type: each for type, each in self._extractors.items() if plain_type(type) not in different}
        return same

    def rows(self, resource: dict[str, Any]) -> IndexRows:
        """The index rows of a valid resource. `ck` is None for a Patient, whose own `rh` it is.

        Raises InvalidStructure for a date that is none, KeyError for an unknown `resourceType`.
        """
        type = resource["resourceType"]
        found = self._extracted(type, resource)
        if "contained" in resource and self._parameters.contained:
            found = self._with_contained(type, resource["contained"], found)
        return msgspec.structs.replace(found, prose=prose(resource)) if type in self._full_text else found

    def _extracted(self, type: str, resource: dict[str, Any]) -> IndexRows:
        extract = self._extractors.get(type) or self._generate(type)
        try:
            found = extract(resource)
        except ValueError as error:
            raise InvalidStructure(str(error)) from None
        return self._presence(type, found) if found.present >= _BEYOND else found

    def _with_contained(self, container: str, contained: Sequence[dict[str, Any]], found: IndexRows) -> IndexRows:
        """`found` with the rows of contained resources, each with the tokens of its type and id besides."""
        inside: list[IndexRows] = []
        words: dict[Word, None] = dict.fromkeys(found.words)
        for resource in contained[:MOST]:
            type = inner_type(resource["resourceType"])
            rows = self._extracted(type, resource)
            held = held_hash(self._keys, container, type)
            words.update(dict.fromkeys((*rows.words, Word(held, ((held, held),)))))
            tok = {*rows.tok, id_hash(self._keys, resource.get("id", ""))}
            if plain_type(type) in self._full_text:
                rows = msgspec.structs.replace(rows, str=(*rows.str, *prose_rows_inside(self._keys, type, resource)))
            own = (self_hash(self._keys, type), rows.present, rows.present)
            inside.append(msgspec.structs.replace(rows, tok=tuple(tok), dat=(*rows.dat, own), words=()))
        return msgspec.structs.replace(found, words=tuple(words), contained=tuple(inside))

    def _presence(self, type: str, found: IndexRows) -> IndexRows:
        """`found` with tokens instead of bits for the added parameters that have a value."""
        added = (
            self._keys.token(type, parameter.rows[0] + PRESENT_SUFFIX, "")
            for parameter in self._parameters.for_type(type).values()
            if parameter.custom and found.present >> parameter.bit & 1
        )
        return msgspec.structs.replace(found, tok=(*found.tok, *added), present=found.present % _BEYOND)

    def source(self, type: str) -> Source:
        """The generated code of a resource type, for tests and the curious."""
        return Source(type, plant(self._parameters, type), self._keys, self._cache)

    def _generate(self, type: str) -> Extractor:
        if plain_type(type) not in self._parameters.definitions.resource_types:
            raise KeyError(type)
        extract = self._extractors[type] = self.source(type).function()
        return extract
