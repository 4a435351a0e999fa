"""The order of versions of packages and conformance resources: Semantic Versioning 2.0, leniently.

Specification: https://semver.org and https://hl7.org/fhir/packages.html#version. Versions that are no semantic ones
(`2019-05`, `V2`) are compared by their parts, numbers by value; nothing is refused.
"""

import re

_PARTS = re.compile(r"[0-9]+|[A-Za-z]+")

Order = tuple[tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...]]


def order(version: str) -> Order:
    """A key by which versions sort from the oldest to the newest. A pre-release comes before its release."""
    release, _, label = version.partition("+")[0].partition("-")
    if label and not _is_numeric(release):
        release, label = version, ""
    parts = list(_parts(release))
    while parts and parts[-1] == (1, 0, ""):
        parts.pop()
    return tuple(parts), 0 if label else 1, tuple(_parts(label))


def matches(wanted: str, version: str) -> bool:
    """Whether `version` is what a reference means by `wanted`: the same, or one that begins with its parts.

    `6.1` and `6.1.x` mean 6.1.0 and 6.1.3, not 6.10.0 and not the pre-release 6.1.0-ballot.
    """
    if wanted == version:
        return True
    wanted = re.sub(r"(\.[xX*])+$", "", wanted)
    if not _is_numeric(wanted) or wanted.count(".") >= 2:
        return False
    return version.startswith(f"{wanted}.") and "-" not in version


def _is_numeric(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)*", text) is not None


def _parts(text: str) -> "list[tuple[int, int, str]]":
    return [(1, int(part[:18]), "") if part.isdigit() else (0, 0, part.lower()) for part in _PARTS.findall(text)]
