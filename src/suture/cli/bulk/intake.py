"""What of a task goes into the database: decoded, checked, with ids and with links resolved, as requests would be.

Specification: https://hl7.org/fhir/R4/http.html#transaction. The one thing to know: nothing is searched, because
nothing can be yet. Conditions by identifier are decided by what the files brought that others refer to; every other
condition is refused with the advice to use plain loading.
"""

from pathlib import Path
from typing import Any

import zstandard

from suture.api.entries import check_shell_by_entry
from suture.api.preparation import mentions, new_id, prepare_alone, refuse_subset, strip_own_base
from suture.api.services import Model
from suture.api.shapes import as_object
from suture.cli.bulk.together import BASE, Together, asked, learn, sentence
from suture.cli.loading import Refusal
from suture.cli.sources import UNPACKED, expanded
from suture.fhir.json import decode
from suture.fhir.outcomes import FhirError, NotFound
from suture.store.bulk.rows import Accepted
from suture.store.owned import refuse_owned


class Intake:
    """Takes in resources of one FHIR version.

    `known`: what conditions mean, as in `tasks.Known`. `learning`: whether what comes adds to it.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.known: dict[str, str] = {}
        self.learning = False

    def lines(self, file: str, first: int, text: bytes, refused: list[Refusal]) -> list[Accepted]:
        """The resources of NDJSON lines, the first of which is number `first`."""
        accepted: list[Accepted] = []
        for number, line in enumerate(text.split(b"\n"), first):
            if line := line.strip():
                self._alone(line, None, file, f"line {number}", accepted, refused)
        return accepted

    def file(self, file: str, refused: list[Refusal]) -> list[Accepted]:
        """The resources of a JSON file."""
        path = Path(file)
        accepted: list[Accepted] = []
        try:
            with path.open("rb") as raw, expanded(raw, path.suffix) as content:
                text = content.read()
            resource = as_object(decode(text))
        except (OSError, EOFError, zstandard.ZstdError) as error:
            refused.append(Refusal(file, "", "", 0, f"it cannot be read: {error}"))
            return []
        except FhirError as error:
            refused.append(Refusal(file, "", "", 0, sentence(error)))
            return []
        kind = resource.get("type") if resource is not None and resource.get("resourceType") == "Bundle" else None
        if resource is None or kind not in {"transaction", "batch", *UNPACKED}:
            self._alone(text, resource, file, "", accepted, refused)
        elif kind == "batch":
            self._batch(resource, file, accepted, refused)
        else:
            together = Together(self._model, self.known, self.learning)
            try:
                accepted += together.accept(resource, unpacked=kind in UNPACKED)
            except FhirError as error:
                what = f"the whole transaction, {together.size} entries"
                refused.append(Refusal(file, what, "Bundle", error.status, sentence(error)))
        return accepted

    def _batch(self, bundle: dict[str, Any], file: str, accepted: list[Accepted], refused: list[Refusal]) -> None:
        try:
            entries, errors = check_shell_by_entry(self._model, bundle)
        except FhirError as error:
            refused.append(Refusal(file, "", "Bundle", error.status, sentence(error)))
            return
        for position, entry in enumerate(entries):
            where, kind = f"entry {position}", ""
            try:
                if position in errors:
                    raise errors[position]
                request = asked(entry, position)
                kind = request.type
                if request.condition:
                    raise request.undecided()
                strip_own_base(request.resource, BASE)
                accepted.append(self._single(request.resource, request.method))
            except FhirError as error:
                refused.append(Refusal(file, where, kind, error.status, sentence(error)))

    def _alone(
        self, text: bytes, decoded: Any, file: str, where: str, accepted: list[Accepted], refused: list[Refusal]
    ) -> None:
        """Take in one resource that has nothing to do with others. `decoded`: `text`, when that is done already."""
        kind = ""
        try:
            resource = as_object(decode(text) if decoded is None else decoded)
            if resource is None or not isinstance(resource.get("resourceType"), str):
                refused.append(Refusal(file, where, "", 0, "It is not a FHIR resource: it has no resourceType."))
                return
            kind = resource["resourceType"]
            if mentions(text, BASE):
                strip_own_base(resource, BASE)
            accepted.append(self._single(resource, "PUT" if resource.get("id") else "POST"))
        except FhirError as error:
            refused.append(Refusal(file, where, kind, error.status if kind else 0, sentence(error)))

    def _single(self, resource: dict[str, Any], method: str) -> Accepted:
        kind = resource["resourceType"]
        if kind not in self._model.types:
            raise NotFound(f"{str(kind)[:80]!r} is not a resource type of this server.")
        if method == "PUT":
            refuse_subset(resource)
            refuse_owned(kind, resource["id"])
        prepared = prepare_alone(self._model, resource)
        one = Accepted(resource["id"] if method == "PUT" else new_id(), method, prepared)
        if self.learning:
            learn(self.known, resource, one.id)
        return one
