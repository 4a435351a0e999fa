"""Identifiers of SNOMED CT and LOINC that carry a check digit: what cannot be one, whatever the release.

Specification: https://confluence.ihtsdotools.org/display/DOCRELFMT/6.5+Check-digit (Verhoeff), and the LOINC Users'
Guide, appendix on check digits (modulus 10).
"""

import re
from functools import lru_cache

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"

_SCTID = re.compile(r"[1-9][0-9]{5,17}").fullmatch
_LOINC = re.compile(r"([1-9][0-9]{0,6})-([0-9])").fullmatch
_LOINC_PART = re.compile(r"(?:LA|LP|LL|LG|MTHU|R)[0-9]{1,10}(?:-[0-9])?").fullmatch
# Description and relationship identifiers end with 1x and 2x before the check digit; concepts with 0x.
_CONCEPT_PARTITIONS = ("00", "10")

# The dihedral group of order ten, and its permutation by position.
_PRODUCT = tuple(
    tuple(
        (i + j) % 5 if i < 5 and j < 5 else 5 + (i + j) % 5 if i < 5 else 5 + (i - j) % 5 if j < 5 else (i - j) % 5
        for j in range(10)
    )
    for i in range(10)
)
_FIRST = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permutation(position: int, digit: int) -> int:
    for _ in range(position % 8):
        digit = _FIRST[digit]
    return digit


def is_sctid(code: str) -> bool:
    """Whether a text is formed as the identifier of a SNOMED CT concept."""
    if not _SCTID(code) or code[-3:-1] not in _CONCEPT_PARTITIONS:
        return False
    check = 0
    for position, digit in enumerate(reversed(code)):
        check = _PRODUCT[check][_permutation(position, int(digit))]
    return check == 0


def is_loinc(code: str) -> bool:
    """Whether a text is formed as a LOINC code, or as the code of a part, answer or list."""
    found = _LOINC(code)
    if not found:
        return _LOINC_PART(code) is not None
    total = 0
    for position, digit in enumerate(reversed(found[1])):
        double = int(digit) * (2 if position % 2 == 0 else 1)
        total += double // 10 + double % 10
    return (10 - total % 10) % 10 == int(found[2])


@lru_cache(maxsize=10_000)
def cannot_be(system: str, code: str) -> str:
    """Why a text can be no code of a system, whatever the release; "" when it can be, or nothing is known of it."""
    if system == SNOMED:
        # Expressions of several concepts are no identifiers.
        if re.search(r"[\s:+=|,{}()<]", code) or is_sctid(code):
            return ""
        return "A SNOMED CT identifier has 6 to 18 digits, of which the last is a check digit."
    if system == LOINC and not is_loinc(code):
        return "A LOINC code is a number with a check digit, such as 8867-4."
    return ""
