"""Dialects of SNOMED CT: the names by which ECL and people call language reference sets.

ECL specification, appendix C (dialect aliases): https://docs.snomed.org/snomed-ct-specifications, with the aliases that
earlier versions of it had for private use.
"""

US_ENGLISH = 900000000000509007

DIALECTS = {
    "da-dk": 554461000005103,
    "en-au": 32570271000036106,
    "en-ca": 19491000087109,
    "en-gb": 900000000000508004,
    "en-ie": 21000220103,
    "en-int-gmdn": 608771002,
    "en-nhs-clinical": 999001261000000100,
    "en-nhs-dmwb": 999000671000001103,
    "en-nhs-pharmacy": 999000691000001104,
    "en-nz": 271000210107,
    "en-nz-pat": 281000210109,
    "en-nz-x-pat": 281000210109,
    "en-uk-drug": 999000681000001101,
    "en-uk-ext": 999001251000000103,
    "en-us": US_ENGLISH,
    "en-x-gmdn": 608771002,
    "en-x-nhs-clinical": 999001261000000100,
    "en-x-nhs-dmd": 999000671000001103,
    "en-x-nhs-pharmacy": 999000691000001104,
    "en-gb-x-drug": 999000681000001101,
    "en-gb-x-ext": 999001251000000103,
    "es-es": 448879004,
    "es-ar": 450828004,
    "es": 450828004,
    "es-uy": 5641000179103,
    "et-ee": 71000181105,
    "de": 722130004,
    "fr": 722131000,
    "fr-be": 21000172104,
    "fr-ca": 20581000087109,
    "ja": 722129009,
    "mi": 291000210106,
    "nb-no": 61000202103,
    "nl-be": 31000172101,
    "nl-nl": 31000146106,
    "nn-no": 91000202106,
    "sv-se": 46011000052107,
    "zh": 722128001,
}
"""Alias, in lower case -> language reference set."""

TAGS = {
    refset: "-".join(part.upper() if place else part for place, part in enumerate(alias.split("-")))
    for alias, refset in DIALECTS.items()
    if alias.count("-") <= 1
}
"""Language reference set -> BCP-47 tag, for those that are a language or a language of a country."""


def dialect(text: str) -> int | None:
    """The language reference set of an alias such as `en-GB`, or of its own identifier."""
    return int(text) if text.isdigit() else DIALECTS.get(text.lower())
