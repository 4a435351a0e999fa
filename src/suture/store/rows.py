"""The plain records that pass between the store and the rooms above it."""

import msgspec

NO_DATE = -(2**62)
"""`sdate` of a resource without a primary clinical date: older than every real date."""


NO_PROSE = ("", "")
"""`IndexRows.prose` of a resource that full text search does not know."""


class Word(msgspec.Struct, frozen=True, gc=False):
    """What a token row `h` means: the vocabulary of searches. It outlives the resources that brought it.

    - `forms`: (s, f), the forms `s` of a search that mean this row, each with `f`, the row of the same code
      without a display. Empty for values that a search asks for directly.
    - `texts`: (p, norm), the texts by which it is found and sorted under the parameter hash `p`.
    - `unique`: an identifier or the like, which no other resource is likely to have.
    """

    h: int
    forms: tuple[tuple[int, int], ...] = ()
    texts: "tuple[tuple[int, str], ...]" = ()
    unique: bool = False


class IndexRows(msgspec.Struct, frozen=True, gc=False):
    """What one resource contributes to the index tables. All tuples are without repeats, in no particular order.

    - `ck`: compartment key, `Keys.resource("Patient", id)` of the patient the resource belongs to;
      None when it belongs to no patient (the resource's own `rh` is used then).
    - `sdate`: the type's primary clinical date, microseconds since 1970 UTC, or NO_DATE.
    - `present`: bit n is set when the n-th search parameter of the type has a value (`:missing`).
    - `tok`: hashes `h`. `str`: (h, norm, raw). `qty`: (h, lo, hi) as doubles.
      `dat`: (h, lo, hi) in microseconds since 1970 UTC, both inclusive. `ref`: (t, p).
    - `prose`: the words of the narrative and of all other content, each separated by blanks; ("", "") when the type is
      not searched by full text, else the second is not empty.
    - `words`: what the hashes of `tok` and the coded parts of composite values mean.
    - `contained`: the rows of the resources inside of it, of which only the five tables count; `words` has theirs.
    """

    ck: int | None
    sdate: int
    present: int
    tok: tuple[int, ...]
    str: "tuple[tuple[int, str, str], ...]"
    qty: tuple[tuple[int, float, float], ...]
    dat: tuple[tuple[int, int, int], ...]
    ref: tuple[tuple[int, int], ...]
    words: tuple[Word, ...] = ()
    prose: "tuple[str, str]" = NO_PROSE
    contained: "tuple[IndexRows, ...]" = ()


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version of one resource as it lies in the database.

    `updated`: microseconds since 1970 UTC. `method`: the interaction that made the version (POST, PUT,
    PATCH, DELETE). `body`: the JSON bytes with id and meta, b"" when `deleted`.
    `ck`, `k`: the internal key. `seq`: the event number, 0 where it was not read.
    """

    type: str
    id: str
    version: int
    updated: int
    deleted: bool
    method: str
    body: bytes
    ck: int = 0
    k: int = 0
    seq: int = 0


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A validated, indexed resource, ready to be written as the next version.

    The body is kept in two pieces, so that the writer only has to splice id, versionId and lastUpdated:
    `meta`: what meta holds besides those, as JSON members with a leading comma (`,"profile":[…]`), or b"".
    `rest`: the members after meta, each with its leading comma, without the closing brace. `generation`: the one whose
    search parameters made `rows` (`suture.store.changes`); None when they do not depend on it.
    """

    type: str
    meta: bytes
    rest: bytes
    rows: IndexRows
    version: str
    generation: int | None = None
