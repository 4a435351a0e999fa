"""matches, matchesFull, replaceMatches (http://hl7.org/fhirpath/#matches), by RE2.

RE2 (https://github.com/google/re2/wiki/Syntax) takes time in proportion to the text, whatever the pattern; it has no
look-around and no back-references. Patterns match anywhere in the text, `.` matches line ends too, case counts.
"""

import re
from functools import lru_cache
from typing import Any

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import EMPTY, Items, string, text
from suture.fhir.regular_expressions import Pattern, PatternRefused, compiled

_MAX_PATTERN = 2_000
_GROUP = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,2})\}|([0-9]{1,2})|(\$))|\\([0-9])")


@lru_cache(maxsize=128)
def _compiled(pattern: str, flags: str) -> Pattern:
    if len(pattern) > _MAX_PATTERN:
        raise FhirPathEvaluationError(f"A regular expression may have {_MAX_PATTERN} characters")
    if set(flags) - {"i", "m"}:
        raise FhirPathEvaluationError("The flags of a regular expression are i (any case) and m (lines)")
    lines = f"(?m){pattern}" if "m" in flags else pattern
    try:
        return compiled(lines, any_case="i" in flags, across_lines=True)
    except PatternRefused as error:
        raise FhirPathEvaluationError(
            f"The regular expression '{pattern[:80]}' is not understood: {error}; it is to be in RE2 syntax, "
            "which has no look-around and no back-references"
        ) from None


def _operands(focus: Items, env: Environment, pattern: Items, flags: Items) -> tuple[str, Pattern] | None:
    """The text and the pattern, None where one of them is empty."""
    value, wanted = text(focus), text(pattern)
    if value is None or wanted is None:
        return None
    env.budget.write(len(value))
    return value, _compiled(wanted, text(flags) or "")


def _matches(focus: Items, env: Environment, pattern: Items, flags: Items = EMPTY) -> bool | None:
    found = _operands(focus, env, pattern, flags)
    return None if found is None else found[1].search(found[0]) is not None


def _matches_full(focus: Items, env: Environment, pattern: Items, flags: Items = EMPTY) -> bool | None:
    found = _operands(focus, env, pattern, flags)
    return None if found is None else found[1].fullmatch(found[0]) is not None


def _replace_matches(
    focus: Items, env: Environment, pattern: Items, substitution: Items, flags: Items = EMPTY
) -> Items:
    value, wanted, new = text(focus), text(pattern), text(substitution)
    if value is None or wanted is None or new is None:
        return EMPTY
    if not wanted:
        return (string(value),)
    env.budget.write(len(value))
    parts: list[str] = []
    at = 0
    for found in _compiled(wanted, text(flags) or "").finditer(value):
        parts += value[at : found.start()], _filled(new, found)
        at = found.end()
        env.budget.write(len(parts[-1]))
    parts.append(value[at:])
    env.budget.write(sum(map(len, parts)))
    return (string("".join(parts)),)


def _filled(substitution: str, found: Any) -> str:
    """The substitution with `$1`, `${1}`, `${name}` and `\\1` filled in; `$$` is a dollar sign."""
    if "$" not in substitution and "\\" not in substitution:
        return substitution

    def group(reference: re.Match[str]) -> str:
        if reference[3]:
            return "$"
        name = reference[1] or reference[2] or reference[4]
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except IndexError:
            raise FhirPathEvaluationError(f"The regular expression has no group '{name}'") from None

    return _GROUP.sub(group, substitution)


_STRING = (types.STRING,)

FUNCTIONS = {
    "matches": Function(_matches, 1, 2, predicate=True, result=types.BOOLEAN, takes=_STRING),
    "matchesFull": Function(_matches_full, 1, 2, predicate=True, result=types.BOOLEAN, takes=_STRING),
    "replaceMatches": Function(_replace_matches, 2, 3, result=types.STRING, takes=_STRING),
}
