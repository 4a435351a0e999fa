# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""matches, matchesFull, replaceMatches (http://hl7.org/fhirpath/#matches), by RE2.

RE2 (https://github.com/google/re2/wiki/Syntax) takes time in proportion to the text, whatever the pattern; it has no
look-around and no back-references. Patterns match anywhere in the text, `.` matches line ends too, case counts.
"""

import re
from functools import lru_cache
from typing import Any

import re2

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import EMPTY, Items, string, text

_MAX_PATTERN = 2_000
_MAX_MEMORY = 1 << 20
_GROUP = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,2})\}|([0-9]{1,2})|(\$))")


@lru_cache(maxsize=128)
def _compiled(pattern: str, flags: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise FhirPathEvaluationError(f"A regular expression may have {_MAX_PATTERN} characters")
    if set(flags) - {"i", "m"}:
        raise FhirPathEvaluationError("The flags of a regular expression are i (any case) and m (lines)")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = _MAX_MEMORY
    options.case_sensitive = "i" not in flags
    try:
        return re2.compile(f"(?m){pattern}" if "m" in flags else pattern, options)
    except re2.error as error:
        raise FhirPathEvaluationError(
            f"The regular expression '{pattern[:80]}' is not understood: {_reason(error)}; it is to be in RE2 syntax, "
            "which has no look-around and no back-references"
        ) from None


def _reason(error: Any) -> str:
    reason: Any = error.args[0] if error.args else ""
    return (reason.decode(errors="replace") if isinstance(reason, bytes) else f"{reason}")[:100]


def _matches(focus: Items, env: Environment, pattern: Items, flags: Items = EMPTY) -> bool | None:
    value, wanted = text(focus), text(pattern)
    if value is None or wanted is None:
        return None
    env.budget.write(len(value))
    return _compiled(wanted, text(flags) or "").search(value) is not None


def _matches_full(focus: Items, env: Environment, pattern: Items, flags: Items = EMPTY) -> bool | None:
    value, wanted = text(focus), text(pattern)
    if value is None or wanted is None:
        return None
    env.budget.write(len(value))
    return _compiled(wanted, text(flags) or "").fullmatch(value) is not None


def _replace_matches(
    focus: Items, env: Environment, pattern: Items, substitution: Items, flags: Items = EMPTY
) -> Items:
    value, wanted, new = text(focus), text(pattern), text(substitution)
    if value is None or wanted is None or new is None:
        return EMPTY
    if not wanted:
        return (string(value),)
    env.budget.write(len(value))
    compiled = _compiled(wanted, text(flags) or "")
    parts: list[str] = []
    at = 0
    for found in compiled.finditer(value):
        parts += value[at : found.start()], _filled(new, found)
        at = found.end()
        env.budget.write(len(parts[-1]))
    parts.append(value[at:])
    env.budget.write(sum(map(len, parts)))
    return (string("".join(parts)),)


def _filled(substitution: str, found: Any) -> str:
    """The substitution with `$1`, `${1}` and `${name}` filled in; `$$` is a dollar sign."""
    if "$" not in substitution:
        return substitution

    def group(reference: re.Match[str]) -> str:
        if reference[3]:
            return "$"
        name = reference[1] or reference[2]
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError, re2.error):
            raise FhirPathEvaluationError(f"The regular expression has no group '{name}'") from None

    return _GROUP.sub(group, substitution)


_STRING = (types.STRING,)

FUNCTIONS = {
    "matches": Function(_matches, 1, 2, predicate=True, result=types.BOOLEAN, takes=_STRING),
    "matchesFull": Function(_matches_full, 1, 2, predicate=True, result=types.BOOLEAN, takes=_STRING),
    "replaceMatches": Function(_replace_matches, 2, 3, result=types.STRING, takes=_STRING),
}
