"""Canonical URLs with versions, `url|version`: https://hl7.org/fhir/R4/references.html#canonical."""

CONSTRAINT = "?fhir_vs=ecl/"
"""What stands before the expression constraint in the URL of an implicit value set of SNOMED CT."""


def split(reference: str) -> tuple[str, str]:
    """URL and version of a canonical, "" for none.

    The constraint of an implicit value set may have bars of its own, in pairs around terms; a version comes after them.
    """
    if CONSTRAINT in reference and reference.count("|") % 2 == 0:
        return reference, ""
    url, _, version = reference.rpartition("|") if CONSTRAINT in reference else reference.partition("|")
    return url, version
