"""Resource bodies as they lie in the database: zstd-compressed, with a dictionary per resource type.

`enc` says how a body is encoded: 0 plain, 1 zstd, 2 and up zstd with the dictionary of that number
(table `dictionary`). A dictionary is never changed once a database has it, so old bodies stay readable.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import zstandard

from suture.fhir.definitions import type_name
from suture.store.rows import Stored

PLAIN, ZSTD = 0, 1
OTHER_TYPES = 0
"""The type number of the dictionary for types that have none of their own."""
LEVEL = 3
SHORTEST = 128
"""Bodies below this many bytes are kept plain."""

METHODS: tuple[str, ...] = ("", "POST", "PUT", "PATCH", "DELETE")
METHOD_NUMBER = {name: number for number, name in enumerate(METHODS)}

STORED_COLUMNS = "r.rt, r.id, r.ver, r.upd, r.deleted, r.method, r.enc, r.body, r.ck, r.k"
"""The columns that `Bodies.stored` reads, in its order, from the `res` table named r."""

MAX_BODY = 256 * 1024 * 1024


class Bodies:
    """Compresses and expands bodies, on one thread only: zstd contexts are not shared.

    `dictionaries`: enc -> (rt, dictionary bytes).
    """

    def __init__(self, dictionaries: Mapping[int, tuple[int, bytes]]) -> None:
        self._by_type: dict[int, tuple[int, zstandard.ZstdCompressor]] = {}
        self._expand: dict[int, zstandard.ZstdDecompressor] = {ZSTD: zstandard.ZstdDecompressor()}
        for enc in sorted(dictionaries):
            rt, data = dictionaries[enc]
            dictionary = zstandard.ZstdCompressionDict(data)
            dictionary.precompute_compress(level=LEVEL)  # pyright: ignore[reportUnknownMemberType] (partly untyped)
            self._by_type[rt] = enc, zstandard.ZstdCompressor(dict_data=dictionary, write_dict_id=False)
            self._expand[enc] = zstandard.ZstdDecompressor(dict_data=dictionary)
        self._other = self._by_type.get(OTHER_TYPES, (ZSTD, zstandard.ZstdCompressor(level=LEVEL)))

    def encode(self, rt: int, body: bytes) -> tuple[int, bytes]:
        """(enc, bytes to store) for the body of a resource of type number `rt`."""
        if len(body) < SHORTEST:
            return PLAIN, body
        enc, compressor = self._by_type.get(rt, self._other)
        return enc, compressor.compress(body)

    def decode(self, enc: int, data: bytes) -> bytes:
        """The JSON bytes of a stored body."""
        if enc == PLAIN:
            return data
        return self._expand[enc].decompress(data, max_output_size=MAX_BODY)

    def stored(self, row: Sequence[Any]) -> Stored:
        """Turn a row of STORED_COLUMNS (more columns may follow) into a Stored."""
        enc = row[6]
        body = row[7]
        if enc != PLAIN:
            body = self._expand[enc].decompress(body, max_output_size=MAX_BODY)
        return Stored(
            type_name(row[0]), row[1], row[2], row[3], bool(row[4]), METHODS[int(row[5])], body, row[8], row[9]
        )
