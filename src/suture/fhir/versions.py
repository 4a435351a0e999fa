"""The FHIR versions Suture speaks. A version is always passed explicitly; nothing assumes one.

Specification: https://hl7.org/fhir/R4/versions.html
"""

import enum


class Version(enum.StrEnum):
    """A FHIR release, named as in base URLs (`/fhir/r4`)."""

    R4 = "r4"
    R4B = "r4b"
    R5 = "r5"

    @property
    def number(self) -> str:
        """The `fhirVersion` code of the release, such as `4.0.1`."""
        return _NUMBERS[self]


_NUMBERS = {Version.R4: "4.0.1", Version.R4B: "4.3.0", Version.R5: "5.0.0"}
