"""The 64-bit numbers by which the store knows resources, compartments and index values.

All are keyed hashes (BLAKE2b with the database's own secret), so that nobody who does not know the
secret can craft two values that collide. See docs/architecture.md, "Storage".
"""

from hashlib import blake2b
from struct import Struct

_SIGNED = Struct("<q")


class Keys:
    """Keyed 64-bit hashes for one database. `secret`: 16 to 64 random bytes, kept in the database."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def hash(self, text: str) -> int:
        """Hash `text` to a signed 64-bit integer."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._secret)
        return _SIGNED.unpack(digest.digest())[0]

    def resource(self, type: str, id: str) -> int:
        """`rh`: the hash of a resource's identity. Also `ck` of a compartment owner and `t` of a reference."""
        return self.hash(f"{type}/{id}")

    def parameter(self, type: str, code: str) -> int:
        """`h` of the str, qty and dat tables and `p` of the ref table: one search parameter of one type."""
        return self.hash(f"{type}?{code}")

    def token(self, type: str, code: str, value: str) -> int:
        """`h` of the tok table: one value of one search parameter of one type."""
        return self.hash(f"{type}?{code}={value}")
