"""Meta: each profile, tag and security label once.

Specification: https://hl7.org/fhir/R4/resource.html#Meta.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import numbered, text, texts


def without_repetition(seen: Seen) -> Iterable[Issue]:
    """No label is there twice."""
    for name in ("security", "tag"):
        met: set[tuple[str, str]] = set()
        for number, coding in numbered(seen.value, name):
            label = text(coding, "system"), text(coding, "code")
            if label in met and label[1]:
                yield seen.warning("business-rule", f"The label {shown(label[1])} is there twice.", f"{name}[{number}]")
            met.add(label)
    profiles = texts(seen.value, "profile")
    for number, url in enumerate(profiles):
        if url in profiles[:number]:
            yield seen.warning("business-rule", f"The profile {shown(url)} is there twice.", f"profile[{number}]")
