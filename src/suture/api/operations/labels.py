"""Profiles, tags and security labels as sets: what $meta-add adds and $meta-delete takes away.

Section: https://hl7.org/fhir/R4/resource.html#Meta. Profiles are equal by URL, tags and security labels by system and
code; what is added keeps the place of what is there already.
"""

from typing import Any, cast

LABELS = ("profile", "security", "tag")
"""The elements of Meta that are sets."""


def united(meta: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`meta` with the labels of `more` that it does not have yet. Neither is changed."""
    result = dict(meta)
    for name in LABELS:
        present = _labels(meta, name)
        keys = {_key(label) for label in present}
        added = [label for label in _labels(more, name) if not (_key(label) in keys or keys.add(_key(label)))]
        if added:
            result[name] = [*present, *added]
    return result


def without(meta: dict[str, Any], less: dict[str, Any]) -> dict[str, Any]:
    """`meta` without the labels of `less`. Neither is changed."""
    result = dict(meta)
    for name in LABELS:
        doomed = {_key(label) for label in _labels(less, name)}
        kept = [label for label in _labels(meta, name) if _key(label) not in doomed]
        if kept:
            result[name] = kept
        else:
            result.pop(name, None)
    return result


def _labels(meta: dict[str, Any], name: str) -> list[Any]:
    value = meta.get(name)
    return cast("list[Any]", value) if isinstance(value, list) else []


def _key(label: Any) -> tuple[Any, Any]:
    if isinstance(label, dict):
        coding = cast("dict[str, Any]", label)
        return coding.get("system"), coding.get("code")
    return None, label
