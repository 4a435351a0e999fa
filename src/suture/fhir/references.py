"""What a reference text says: a resource of this server, of another one, or something else.

Specification: https://hl7.org/fhir/R4/references.html#literal.
"""

import re

import msgspec

_RESTFUL = re.compile(
    r"(?P<base>https?://[^\s?#|]{1,2000}/)?"
    r"(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9.\-]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9.\-]{1,64}))?",
    re.ASCII,
)


class Literal(msgspec.Struct, frozen=True):
    """`[base/]type/id[/_history/version]`.

    `base` ends with a slash and is "" in a relative reference. `version` may be "".
    """

    base: str
    type: str
    id: str
    version: str

    @property
    def relative(self) -> str:
        """`type/id`."""
        return f"{self.type}/{self.id}"


def parse_literal(reference: str) -> Literal | None:
    """The parts of a RESTful reference, relative or absolute; None for `#contained`, `urn:…` and anything else."""
    found = _RESTFUL.fullmatch(reference)
    if found is None:
        return None
    return Literal(found["base"] or "", found["type"], found["id"], found["version"] or "")
