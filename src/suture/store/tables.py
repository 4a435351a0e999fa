"""The columns of the tables that the writer fills, in the order in which it passes their values."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "res": (
        "ck", "k", "rt", "fv", "id", "ver", "upd", "deleted", "method", "sdate", "present", "rh", "enc", "body",
    ),
    "hist": ("ck", "k", "ver", "upd", "deleted", "method", "fv", "enc", "body"),
    "tok": ("h", "d", "k", "ck"),
    "str": ("h", "norm", "raw", "k", "ck"),
    "qty": ("h", "lo", "hi", "k", "ck"),
    "dat": ("h", "lo", "hi", "k", "ck"),
    "ref": ("t", "p", "d", "k", "ck"),
    "forms": ("s", "h", "f"),
    "words": ("p", "norm", "h"),
    "events": ("seq", "rt", "rh", "k", "ver", "upd", "method", "deleted"),
}  # fmt: skip

INDEX_TABLES: tuple[str, ...] = ("tok", "str", "qty", "dat", "ref")
"""Rows of resources, each with `k` and `ck`."""

VOCABULARY: tuple[str, ...] = ("forms", "words")
"""Rows that say what the hashes of `tok` mean. They belong to no resource."""

FHIR_VERSION_NUMBER = {"r4": 40, "r4b": 43, "r5": 50}
FHIR_VERSION = {number: name for name, number in FHIR_VERSION_NUMBER.items()}
