"""Values of reference parameters: `Patient/1`, `1`, an absolute URL, a canonical, an identifier.

Specification: https://hl7.org/fhir/R4/search.html#reference. A reference to a resource of this server lies in the
table `ref` under the hash of its target; every other one is a token with its text.
"""

from collections.abc import Sequence

from suture.fhir.references import parse_literal
from suture.search.filters import Filter, Refers, Token, any_of
from suture.search.names import Names
from suture.search.parameters import Parameter
from suture.store.keys import Keys

SHARED = frozenset(
    (
        "CareTeam", "CodeSystem", "Device", "Endpoint", "Group", "HealthcareService", "Library", "Location", "Measure",
        "Medication", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner", "PractitionerRole",
        "Questionnaire", "ResearchStudy", "StructureDefinition", "Substance", "ValueSet",
    )
)  # fmt: skip
"""Types to which a great many resources may refer; references to others lead to few."""


class References:
    """Builds the filters of reference parameters for one database."""

    def __init__(self, names: Names, keys: Keys) -> None:
        self._names = names
        self._keys = keys

    def filter(self, parameter: Parameter, target: str, values: Sequence[str], base: str) -> Filter:
        """Resources that refer to any of `values`. `target`: a resource type, or "". `base`: own base URL, or ""."""
        keys, type = self._keys, parameter.resource_type
        targets: dict[tuple[str, str], None] = {}
        texts: dict[str, None] = {}
        for value in values:
            self._sort_out(parameter, target, value.removeprefix(base), targets, texts)
        found: list[Filter] = []
        if targets:
            types = {named for named, _ in targets}
            ts = tuple(keys.resource(*one) for one in targets)
            ps = tuple(keys.parameter(type, rows) for rows in parameter.rows)
            owner = parameter.owner and types == {"Patient"} and len(ps) == 1
            found.append(Refers(ts, ps, few=not types & SHARED, owner=owner))
        if texts:
            hashes = {keys.token(type, rows, text): None for rows in parameter.rows for text in texts}
            found.append(Token(tuple(hashes), few=not parameter.canonical))
        return found[0] if len(found) == 1 else any_of(found)

    def _sort_out(
        self,
        parameter: Parameter,
        target: str,
        value: str,
        targets: dict[tuple[str, str], None],
        texts: dict[str, None],
    ) -> None:
        """Add what `value` may be: resources of this server to `targets`, stored texts to `texts`."""
        possible = (target,) if target else self._names.targets(parameter)
        if "/" not in value and ":" not in value and "|" not in value:
            for type in possible:
                targets[type, value] = None
            if parameter.canonical or parameter.embedded:
                texts.update((f"{type}/{value}", None) for type in possible)
            return
        if target or (parameter.targets and parameter.rows != (parameter.code,)):
            segments = value.partition("/_history/")[0].split("/")
            if len(segments) >= 2 and segments[-2] not in possible:
                return
        literal = parse_literal(value)
        if literal is not None and not literal.base and not literal.version:
            targets[literal.type, literal.id] = None
        if parameter.canonical or parameter.embedded:
            texts[value.partition("#")[0]] = None
        elif literal is None or literal.base or literal.version:
            texts[value] = None
