"""Narratives: links within the text lead somewhere, and the language is the resource's.

Specification: https://hl7.org/fhir/R4/narrative.html and https://hl7.org/fhir/R4/languages.html. Which elements,
attributes and links a narrative may contain is part of its form (`suture.fhir.narrative`).
"""

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import objects, text

_LINKS = re.compile(r"""<a\s[^<>]*?\bhref\s*=\s*["']#([^"'<>]+)["']""").findall
_ANCHORS = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"'<>]+)["']""").findall
_DIV = re.compile(r"\s*<div\b([^<>]*)>").match
_LANGUAGE = re.compile(r"""(?<![\w:])(xml:lang|lang)\s*=\s*["']([^"']*)["']""").findall


def links_lead_somewhere(seen: Seen) -> Iterable[Issue]:
    """A link `#x` in a narrative has its anchor in the narrative, or an element with that id."""
    div = text(seen.value, "div")
    wanted = {unescape(link) for link in _LINKS(div)} if "#" in div else set[str]()
    missing = wanted - set(_ANCHORS(div))
    if missing:
        missing -= {*anchors(seen.container.value), *anchors(seen.scene.root)}
    for link in sorted(missing):
        yield seen.warning("invalid", f"The link '#{link[:100]}' in the narrative leads nowhere.", "div")


def anchors(value: Any) -> list[str]:
    """All ids of resources and elements, and all anchors of narratives, each as often as it is there."""
    found: list[str] = []
    for _, item in objects(value):
        id = text(item, "id")
        if id:
            found.append(id)
        found.extend(unescape(anchor) for anchor in _ANCHORS(text(item, "div")))
    return found


def language_of_resource(seen: Seen) -> Iterable[Issue]:
    """The narrative is in the language of the resource; text in several languages stands in sections."""
    div = text(seen.value, "div")
    opening = _DIV(div)
    stated = dict(_LANGUAGE(opening[1])) if opening else {}
    if len(set(stated.values())) > 1:
        yield seen.warning("business-rule", "lang and xml:lang of the narrative are not the same.", "div")
    language = text(seen.resource.value, "language")
    for named in set(stated.values()):
        if language and named and named.lower() != language.lower():
            yield seen.warning(
                "business-rule", f"The resource is in '{language[:20]}', its narrative in '{named[:20]}'.", "div"
            )
