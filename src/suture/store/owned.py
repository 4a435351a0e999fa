"""Resources that belong to a package: they lie among the others, so that they are read and searched like them.

The one thing to know: the id says it. Ids that begin with `package.` are the server's, no request can write one, and
what is about the data of users alone (histories, exports) leaves them out by a range of ids, on either engine.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from suture.fhir.outcomes import MethodNotAllowed
from suture.store.predicate import Predicate

PREFIX = "package."
TAG = "urn:suture:package"
"""The system of the tag that each such resource has; its code is `name@version` of the package."""

_END = "package/"  # the character after the point
_SHOWN = 64 - len(PREFIX) - 11


def owned_id(package: str, type: str, id: str) -> str:
    """The id of a definition of a package: the same whenever it is loaded, and different for every version.

    `package`: such as `hl7.fhir.us.core@6.1.0`. Its end tells the reader which one it is.
    """
    digest = hashlib.sha256(f"{package}/{type}/{id}".encode()).digest()
    return f"{PREFIX}{base64.b32encode(digest)[:10].decode('ascii').lower()}.{id[-_SHOWN:]}"


def is_owned(id: str) -> bool:
    """Whether an id is that of a definition of a package."""
    return id.startswith(PREFIX)


def refuse_owned(type: str, id: str) -> None:
    """Raise MethodNotAllowed when a request is about to write a definition of a package."""
    if id.startswith(PREFIX):
        raise MethodNotAllowed(
            f"{type}/{id} cannot be written: ids that begin with '{PREFIX}' belong to the definitions of packages, "
            f"which are read-only. A {type} of your own with the same url counts in place of that of a package.",
            headers={"Allow": "GET, HEAD, OPTIONS"},
        )


class NotOwned:
    """What `predicate` allows, without the definitions of packages."""

    def __init__(self, predicate: Predicate) -> None:
        self._predicate = predicate

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        """See `Predicate`."""
        allowed = self._predicate.sql(alias, bind)
        users = f"({alias}.id < '{PREFIX}' or {alias}.id >= '{_END}')"
        return f"({allowed}) and {users}" if allowed else users

    def allows(self, type: str, body: bytes) -> bool:
        """See `Predicate`."""
        return f'"id":"{PREFIX}'.encode() not in body[:160] and self._predicate.allows(type, body)


USERS_OWN = f"(r.id < '{PREFIX}' or r.id >= '{_END}')"
"""A condition on the `res` row named r: it belongs to no package."""
