"""Which version of a code system or value set is meant: exact, in part, by wildcard, or by the parameters of a request.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html (system-version, check-system-version,
force-system-version) and the same for value sets in R5 (default-valueset-version …). The one thing to know: a forced
version wins over what the value set says, a default one counts only where it says nothing, a checked one must match
whatever was chosen.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from suture.fhir.packages.numbering import order

_WILDCARD = re.compile(r"[xX*?]")


class Rule(msgspec.Struct, frozen=True):
    """What a request says of the versions of one canonical. `name`: the parameter; `mode`: force | default | check."""

    name: str
    mode: str
    url: str
    version: str


class Rules(msgspec.Struct, frozen=True):
    """All that a request says of versions."""

    rules: tuple[Rule, ...] = ()

    def of(self, url: str) -> list[Rule]:
        """Those about one canonical."""
        return [rule for rule in self.rules if rule.url == url]

    def chosen(self, url: str, version: str, used: "list[Rule] | None" = None) -> str:
        """The version that is meant where a definition says `version` ("" for none). `used`: takes the rules that
        decided it.
        """
        if not self.rules:
            return version
        about = self.of(url)
        for mode in ("force", "default", "check"):
            rule = next((rule for rule in about if rule.mode == mode), None)
            if rule is not None and (mode == "force" or not version):
                if used is not None and rule not in used:
                    used.append(rule)
                return rule.version
        return version

    def failing(self, url: str, version: str) -> Rule | None:
        """The check that `version`, the one in use, does not pass."""
        for rule in self.of(url):
            if rule.mode == "check" and not matches(rule.version, version):
                return rule
        return None


NO_RULES = Rules()


def rule_of(name: str, canonical: str) -> Rule | None:
    """The rule of a parameter such as `system-version` with the value `url|version`; None when it is neither."""
    mode = _MODES.get(name)
    url, _, version = canonical.rpartition("|") if "|" in canonical else (canonical, "", "")
    return Rule(name, mode, url, version) if mode and url and version else None


_MODES = {
    "system-version": "default", "check-system-version": "check", "force-system-version": "force",
    "default-valueset-version": "default", "check-valueset-version": "check", "force-valueset-version": "force",
}  # fmt: skip
MODES = tuple(_MODES)
"""The parameters that speak of versions."""


def matches(wanted: str, version: str) -> bool:
    """Whether `version` is what is meant by `wanted`: the same, one with more detail (`1.0` means 1.0.3, but `1` is a
    version of its own), or one that fits its wildcards (`1.x`, `1.0.*`, `1.?`; the rest of it may be anything).
    """
    if wanted == version:
        return True
    if not wanted or not version:
        return False
    if (version.startswith(f"{wanted}.") and "." in wanted) or (
        wanted.startswith("http") and version.startswith(f"{wanted}/version/")
    ):
        return True
    parts = wanted.split(".")
    if not any(part and _WILDCARD.fullmatch(part[-1]) and len(part) == 1 for part in parts) and "?" not in wanted:
        return False
    return _fits(parts, version.partition("+")[0].split("."))


def _fits(wanted: Sequence[str], actual: Sequence[str]) -> bool:
    for number, part in enumerate(wanted):
        if part in ("*", "x", "X"):
            if number == len(wanted) - 1:
                return len(actual) >= number + (part != "*")
            if number >= len(actual):
                return False
        elif part == "?" or (part.endswith("?") and number == len(wanted) - 1):
            stem = part[:-1]
            return number >= len(actual) or not stem or actual[number].partition("-")[0] == stem
        elif number >= len(actual) or part != actual[number]:
            return False
    return len(actual) == len(wanted)


def more_detailed(version: str, other: str) -> bool:
    """Whether `other` says the same version as `version` in more detail."""
    return version != other and matches(version, other)


def newest(versions: Iterable[str]) -> list[str]:
    """The versions, the newest first."""
    return sorted(set(versions), key=order, reverse=True)


def listed(versions: Iterable[str]) -> str:
    """Versions for a message, oldest first: `1.0, 1.1 or 2.0`."""
    names = sorted({version for version in versions if version})
    if len(names) < 2:
        return "".join(names)
    if len(names) == 2:
        return " or ".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
