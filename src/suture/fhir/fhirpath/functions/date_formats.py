"""Dates in other formats than FHIR's, by the codes of http://hl7.org/fhirpath/#format-codes.

`dd.MM.yyyy HH:mm` reads `31.12.2024 08:30`. Names of months and of zones depend on a language and are not read.
"""

import re
from functools import lru_cache

_CODES = {
    "yyyy": ("year", r"[0-9]{4}"), "yy": ("year", r"[0-9]{2}"),
    "MM": ("month", r"[0-9]{2}"), "M": ("month", r"[0-9]{1,2}"),
    "dd": ("day", r"[0-9]{2}"), "d": ("day", r"[0-9]{1,2}"),
    "HH": ("hour", r"[0-9]{2}"), "H": ("hour", r"[0-9]{1,2}"),
    "hh": ("half", r"[0-9]{2}"), "h": ("half", r"[0-9]{1,2}"),
    "mm": ("minute", r"[0-9]{2}"), "m": ("minute", r"[0-9]{1,2}"),
    "ss": ("second", r"[0-9]{2}"), "s": ("second", r"[0-9]{1,2}"),
    "a": ("noon", r"[AaPp][Mm]?"), "Z": ("zone", r"Z|[+-][0-9]{2}:?[0-9]{2}"),
}  # fmt: skip
_CODE = re.compile("yyyy|yy|MM|M|dd|d|HH|H|hh|h|mm|m|ss|s|S+|a|Z")
_MAX_TEMPLATE = 100


def read(value: str, template: str) -> str | None:
    """`value`, written in the form `template`, as FHIR writes it; None if it is not of that form."""
    pattern = _pattern(template) if len(template) <= _MAX_TEMPLATE and len(value) <= _MAX_TEMPLATE else None
    found = pattern.fullmatch(value) if pattern else None
    if found is None:
        return None
    parts = {name: part for name, part in found.groupdict().items() if part is not None}
    if "year" not in parts:
        return None
    text = _year(parts["year"])
    for name in ("month", "day"):
        if name not in parts:
            break
        text += f"-{int(parts[name]):02d}"
    clock = _clock(parts)
    return text + clock if clock is not None and (not clock or "day" in parts) else None


def _year(digits: str) -> str:
    if len(digits) == 4:
        return digits
    return f"20{digits}" if int(digits) < 50 else f"19{digits}"


def _clock(parts: dict[str, str]) -> str | None:
    hour = int(parts["hour"]) if "hour" in parts else None
    if "half" in parts:
        half = int(parts["half"])
        if not 1 <= half <= 12 or "noon" not in parts:
            return None
        hour = half % 12 + (12 if parts["noon"][0] in "Pp" else 0)
    if hour is None:
        return ""
    text = f"T{hour:02d}"
    for name in ("minute", "second"):
        if name not in parts:
            break
        text += f":{int(parts[name]):02d}"
    if "fraction" in parts:
        text += f".{parts['fraction']}"
    zone = parts.get("zone", "")
    return text + (zone if zone in ("", "Z") or ":" in zone else f"{zone[:3]}:{zone[3:]}")


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str] | None:
    """The pattern of a template; None if a code comes twice."""
    parts: list[str] = []
    seen: set[str] = set()
    at = 0
    for code in _CODE.finditer(template):
        parts.append(re.escape(template[at : code.start()]))
        name, pattern = _CODES.get(code[0]) or ("fraction", rf"[0-9]{{{len(code[0])}}}")
        if name in seen:
            return None
        seen.add(name)
        parts.append(f"(?P<{name}>{pattern})")
        at = code.end()
    parts.append(re.escape(template[at:]))
    return re.compile("".join(parts))
