"""What a URL means: the interaction it asks for, and on what.

Specification: https://hl7.org/fhir/R4/http.html#summary.
"""

from collections.abc import Awaitable, Callable

import msgspec

from suture.api.http import Request, Response
from suture.api.services import Model, Services


class Target(msgspec.Struct, frozen=True, gc=False):
    """What a request is about; parts that the URL does not have are "".

    `interaction`: FHIR's code (`read`, `history-instance` …) or an operation (`$everything`). `type`, `id`: the
    resource; in a compartment search its owner. `version`: of vread. `member`: the resource type searched for in a
    compartment, `*` for all.
    """

    interaction: str
    type: str = ""
    id: str = ""
    version: str = ""
    member: str = ""


Handler = Callable[[Services, Model, Request, Target], Awaitable[Response]]
"""Answers one interaction. Raises FhirError."""

Find = Callable[[str, str], tuple[Target, Handler]]
"""(method, path below the base) -> what that asks for and who answers it. Raises NotFound and MethodNotAllowed."""
