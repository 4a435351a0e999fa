"""Read your own writes: the number of a client's last write, told in its answer and brought by later requests.

The one thing to know: every answer to a write says `X-Suture-Sequence: <number of its event>`. A request that brings
the header (or, in a browser, the cookie) is answered by a replica only when that shows the event, else by the
primary database. Requests that may write, conditional ones and bundles included, never use a replica.
"""

import re

from suture.api.http import Request, Response
from suture.api.services import Model, Services
from suture.api.target import Handler, Target
from suture.fhir.outcomes import Invalid

HEADER = b"x-suture-sequence"

COOKIE = b"suture-sequence"

COOKIE_SECONDS = 3600
"""How long a browser remembers; longer than replicas that are used at all can be behind."""

_IN_COOKIES = re.compile(rb"(?:^|;)\s*" + COOKIE + rb"=([0-9]{1,18})(?=;|\s|$)")


def seen(services: Services, request: Request) -> Services:
    """The services for a request that only reads. Raises Invalid when its sequence number is none."""
    return services.on(services.store.session(_sequence(request), replicas=True))


async def in_session(handler: Handler, services: Services, model: Model, request: Request, target: Target) -> Response:
    """The answer to a request that may write, with the number of what it wrote."""
    session = services.store.session(0, replicas=False)
    response = await handler(services.on(session), model, request, target)
    if session.written:
        response.headers.append((HEADER, b"%d" % session.written))
        if b"cookie" in request.headers or b"sec-fetch-mode" in request.headers:
            secure = b"; Secure" if request.base.startswith("https:") else b""
            cookie = b"%b=%d; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%b"
            response.headers.append((b"set-cookie", cookie % (COOKIE, session.written, COOKIE_SECONDS, secure)))
    return response


def _sequence(request: Request) -> int:
    given = request.headers.get(HEADER)
    if given is not None:
        if not given.isdigit() or len(given) > 18:
            raise Invalid("X-Suture-Sequence must be the number that the answer to a write carried.")
        return int(given)
    cookies = request.headers.get(b"cookie")
    found = _IN_COOKIES.search(cookies) if cookies else None
    return int(found[1]) if found else 0
