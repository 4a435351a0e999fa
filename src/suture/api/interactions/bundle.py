"""A Bundle posted to the base: processed as a batch or as a transaction.

Specification: https://hl7.org/fhir/R4/http.html#transaction. The one thing to know: any other kind of Bundle, and
any other resource, is refused here with a hint; a Bundle that is to be kept is posted to `/Bundle`.
"""

from suture.api.http import Request, Response
from suture.api.interactions.batch import batch
from suture.api.interactions.transaction import transaction
from suture.api.services import Model, Services
from suture.api.target import Find, Handler, Target
from suture.fhir.outcomes import Invalid


def receiver(find: Find) -> Handler:
    """The handler of `POST [base]`; `find` is the router's, for the entries."""

    async def receive(services: Services, model: Model, request: Request, target: Target) -> Response:
        bundle = await request.resource()
        type = bundle["resourceType"]
        if type != "Bundle":
            hint = f"To create a {type}, POST it to /{type}." if type in model.types else ""
            raise Invalid(
                f"The base takes Bundles of type batch or transaction, not a {str(type)[:80]}. {hint}".rstrip()
            )
        match bundle.get("type"):
            case "batch":
                return await batch(services, model, request, bundle, find)
            case "transaction":
                request.interaction = "transaction"
                return await transaction(services, model, request, bundle, find)
            case other:
                raise Invalid(
                    f"The base takes Bundles of type batch or transaction, not {str(other)[:80]!r}; "
                    "to keep the Bundle as it is, POST it to /Bundle.",
                    expression="Bundle.type",
                )

    return receive
