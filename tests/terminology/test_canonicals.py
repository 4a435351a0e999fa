"""Canonicals with versions, and with expression constraints in them."""

import pytest

from suture.terminology.canonicals import split

ECL = "http://snomed.info/sct?fhir_vs=ecl/"
EDITION = "http://snomed.info/sct/731000124108"


@pytest.mark.parametrize(
    ("reference", "url", "version"),
    [
        ("http://x.org/vs", "http://x.org/vs", ""),
        ("http://x.org/vs|1.0", "http://x.org/vs", "1.0"),
        ("http://x.org/vs|1|0", "http://x.org/vs", "1|0"),
        (f"http://snomed.info/sct?fhir_vs=isa/1|{EDITION}", "http://snomed.info/sct?fhir_vs=isa/1", EDITION),
        (f"{ECL}< 404684003", f"{ECL}< 404684003", ""),
        (f"{ECL}< 404684003 |Finding| : * = *", f"{ECL}< 404684003 |Finding| : * = *", ""),
        (f"{ECL}< 404684003 |Finding||{EDITION}", f"{ECL}< 404684003 |Finding|", EDITION),
        (f"{ECL}< 404684003|{EDITION}", f"{ECL}< 404684003", EDITION),
    ],
)
def test_bars_around_terms_begin_no_version(reference: str, url: str, version: str) -> None:
    assert split(reference) == (url, version)
