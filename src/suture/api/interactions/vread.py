"""vread: one version of a resource.

Specification: https://hl7.org/fhir/R4/http.html#vread.
"""

import re

from suture.api.http import Request, Response
from suture.api.interactions.read import answer
from suture.api.services import Model, Services
from suture.api.target import Target
from suture.fhir.outcomes import NotFound

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


async def vread(services: Services, model: Model, request: Request, target: Target) -> Response:
    """`GET [base]/[type]/[id]/_history/[vid]`: 410 when that version says deleted."""
    decision = services.decide(request, target.type)
    number = int(target.version) if _VERSION.fullmatch(target.version) else 0
    stored = await services.store.vread(target.type, target.id, number, decision.predicate)
    if stored is None:
        raise NotFound(f"There is no version {target.version} of {target.type}/{target.id}.")
    return answer(model, request, stored)
