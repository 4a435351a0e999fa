"""What Citus does not do with statements on distributed tables, as far as their text shows it.

From its documentation (https://docs.citusdata.com/en/stable/develop/reference_workarounds.html). A check of the text
is no proof that Citus plans a statement; it finds the forms that are known to fail.
"""

import re
from collections.abc import Sequence

DISTRIBUTED = ("res", "hist", "tok", "str", "qty", "dat", "ref", "events", "prose")

_NAMES = "|".join((*DISTRIBUTED, "place"))
_REFERENCE = re.compile(rf"\b(?:from|join|update)\s+({_NAMES})\b(?:\s+(?:as\s+)?(\w+))?")
_KEYWORDS = frozenset(("where", "set", "select", "on", "join", "cross", "left", "order", "limit", "offset", "using"))


def on_one_machine(sql: str) -> bool:
    """Whether every distributed table of a statement is bound to one value, so that one machine answers it."""
    text = " ".join(sql.lower().split())
    return all(_bound(text, name, alias) for name, alias in _tables(text))


def problems(sql: str) -> Sequence[str]:
    """Why Citus would refuse a statement, as far as can be seen."""
    text = " ".join(sql.lower().split())
    text = re.sub(r"\(select b\.upd from events b where b\.seq = [$?]\d+\)", "", text)  # depends on no other table
    tables = _tables(text)
    found: list[str] = []
    if re.match(r"update (res|hist|tok|str|qty|dat|ref|events)\b.*\bset\b.*\bck =", text):
        found.append("changes a distribution column")
    if on_one_machine(sql):
        return found
    if re.search(r"\bfor (update|share)\b", text):
        found.append("locks rows on several machines")
    if "offset" in text:
        found.append("has an offset within a statement for several machines")
    if "lateral" in text:
        found.append("joins laterally over several machines")
    if re.search(r"\(select 1 from [^()]*(\([^()]*\)[^()]*)* limit 1\)", text):
        found.append("limits a correlated subquery")
    if len({alias for name, alias in tables if name != "place"}) > 1:
        found += [f"{name} {alias} is not joined by ck" for name, alias in tables if not _joined(text, alias)]
    if any(name == "place" for name, _ in tables) and any(name != "place" for name, _ in tables):
        found.append("joins tables that are distributed by different columns")
    return found


def _tables(text: str) -> list[tuple[str, str]]:
    """The distributed tables of a statement, each with its name in it."""
    return [(m[1], m[2] if m[2] and m[2] not in _KEYWORDS else m[1]) for m in _REFERENCE.finditer(text)]


def _bound(text: str, name: str, alias: str) -> bool:
    """Whether the table is bound to one value of its distribution column, itself or by an equality."""
    column = "rh" if name == "place" else "ck"
    return bool(
        re.search(rf"\b{alias}\.{column} = [$?]\d+", text)
        or re.search(rf"(?<![.\w]){column} = [$?]\d+", text)
        or (re.search(rf"\b{alias}\.{column} = \w+\.{column}\b", text) and re.search(rf"\w+\.{column} = [$?]\d+", text))
    )


def _joined(text: str, alias: str) -> bool:
    return bool(
        re.search(rf"\b{alias}\.ck = \w+\.ck\b", text)
        or re.search(rf"\w+\.ck = {alias}\.ck\b", text)
        or re.search(rf"\b{alias}\.ck = [$?]\d+|\b{alias}\.ck = any|\b{alias}\.ck in ", text)
        or re.search(rf"\({alias}\.ck, {alias}\.k\) in", text)
        or re.search(rf"\(select (distinct )?({alias}\.k, {alias}\.ck|{alias}\.ck, {alias}\.k) from", text)
    )
