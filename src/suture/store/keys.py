"""The 64-bit numbers by which the store knows resources, compartments and index values.

All are keyed hashes (BLAKE2b with the database's own secret), so that nobody who does not know the
secret can craft two values that collide. See docs/architecture.md, "Storage".
"""

from hashlib import blake2b
from struct import Struct

_SIGNED = Struct("<q")
_MASK = (1 << 64) - 1


class Keys:
    """Keyed 64-bit hashes for one database. `secret`: 16 to 64 random bytes, kept in the database."""

    __slots__ = ("_keyed", "_multiplier")

    def __init__(self, secret: bytes) -> None:
        self._keyed = blake2b(digest_size=8, key=secret)
        self._multiplier = self.hash("pair") | 1

    def hash(self, text: str) -> int:
        """Hash `text` to a signed 64-bit integer."""
        keyed = self._keyed.copy()  # the key is hashed once
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return _SIGNED.unpack(keyed.digest())[0]

    def resource(self, type: str, id: str) -> int:
        """`rh`: the hash of a resource's identity. Also `ck` of a compartment owner and `t` of a reference."""
        return self.hash(f"{type}/{id}")

    def parameter(self, type: str, code: str) -> int:
        """`h` of the str, qty and dat tables and `p` of the ref table: one search parameter of one type."""
        return self.hash(f"{type}?{code}")

    def token(self, type: str, code: str, value: str) -> int:
        """`h` of the tok table: one value of one search parameter of one type."""
        return self.hash(f"{type}?{code}={value}")

    def pair(self, a: int, b: int) -> int:
        """The hash of two hashes that hold together: a code and its patient, the parts of a composite value.

        Both are keyed hashes already, which nobody can choose: a secret odd factor suffices to tell pairs apart.
        """
        n = (a * self._multiplier + b) & _MASK
        return n - (n >> 63 << 64)
