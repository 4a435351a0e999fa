"""The numbers of how index rows are made. Whoever changes what is written for a value raises the number of its kind.

A database remembers the numbers (and the definitions) its rows were made by; when it is opened by a release with
others, exactly the resource types and parameters concerned are built anew (`suture.search.catalog`).
"""

from collections.abc import Mapping
from types import MappingProxyType

EXTRACTION: Mapping[str, int] = MappingProxyType(
    {
        "number": 1,
        "date": 1,
        "string": 1,
        "token": 1,
        "reference": 1,
        "composite": 2,
        "quantity": 1,
        "uri": 1,
        "special": 1,
        "resource": 2,
        "prose": 1,
        "contained": 2,
    }
)
"""By type of search parameter; `resource`: what concerns all of a resource's rows (compartment, date, present);
`prose`: the words of full text search; `contained`: which rows contained resources have besides those of their type."""
