"""Read the packaged definitions of a FHIR version, once, on first use (11–18 ms each).

The files in `data/` are built by `tools/build_definitions.py` and shipped inside the wheel.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from suture.fhir.definitions.data_file import read_data
from suture.fhir.definitions.model import FORMAT, DefinitionsFile, Operation, SearchParameter, Structure
from suture.fhir.versions import Version


class Definitions:
    """Everything known of one FHIR version.

    `structures`: by type name: primitive and complex types, resources, and the few profiles that types refer to
    (`SimpleQuantity`). `resource_types`: names of the concrete resources, sorted. `search_parameters`: ordered by
    URL. `compartments`: "Patient" -> resource type -> codes of the search parameters that decide membership
    (an empty tuple: never a member; `{def}`: the owner itself). `operations`: by URL. `unexpanded`: required value
    sets that cannot be checked, and why.
    """

    __slots__ = ("_open_value_sets", "_value_sets", "compartments", "operations", "resource_types",
                 "search_parameters", "structures", "unexpanded", "version")  # fmt: skip

    def __init__(self, version: Version, content: DefinitionsFile) -> None:
        self.version = version
        self.structures: Mapping[str, Structure] = MappingProxyType({s.name: s for s in content.structures})
        self.resource_types: tuple[str, ...] = tuple(
            sorted(s.name for s in content.structures if s.kind == "resource" and not s.abstract)
        )
        self.search_parameters: tuple[SearchParameter, ...] = content.search_parameters
        self.compartments: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(content.compartments)
        self.operations: Mapping[str, Operation] = MappingProxyType({o.url: o for o in content.operations})
        self.unexpanded: Mapping[str, str] = MappingProxyType(content.unexpanded)
        self._value_sets = content.value_sets
        self._open_value_sets = content.open_value_sets

    def value_set_codes(self, url: str) -> Mapping[str, frozenset[str]] | None:
        """The codes of a required value set by code system, or None when it cannot be listed.

        `url`: canonical URL, with or without `|version`.
        """
        return self._value_sets.get(url.partition("|")[0])

    def open_value_set_codes(self, url: str) -> Mapping[str, frozenset[str]] | None:
        """Like `value_set_codes`, for value sets with systems that `suture.fhir.open_codes` knows by rule.

        Such a system has an empty set of codes here. None for every other value set.
        """
        return self._open_value_sets.get(url.partition("|")[0])


@cache
def load(version: Version) -> Definitions:
    """The definitions of `version`; the same object each time.

    Raises DefinitionsMissing when the packaged file is absent or was built for another release of Suture.
    """
    return Definitions(version, read_data(f"{version.value}.json.zst", DefinitionsFile, FORMAT))
