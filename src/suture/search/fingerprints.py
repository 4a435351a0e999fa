"""A short text that changes whenever the index rows of a search parameter would."""

from hashlib import blake2b

import msgspec

from suture.fhir.definitions import SearchParameter
from suture.search.extraction.versions import EXTRACTION

_encoder = msgspec.json.Encoder()


def fingerprint(parameter: SearchParameter) -> str:
    """Eight hexadecimal digits of what is extracted (not of the description) and how."""
    what = (
        parameter.code,
        parameter.type,
        parameter.base,
        parameter.expression,
        parameter.targets,
        parameter.components,
        EXTRACTION[parameter.type],
    )
    return blake2b(_encoder.encode(what), digest_size=4).hexdigest()
