"""Seals: short texts that go out with a link and come back, and that nobody can read, alter or use elsewhere.

What is sealed may be health data and travels in URLs and logs, so it is encrypted as well as authenticated. It is a
synthetic-IV construction (RFC 5297 describes the idea) from the keyed hash of the standard library: the tag over the
plain text is also the nonce of the key stream. The tag covers what the text belongs to. The keys come from the
database's secret, so every process that serves the database opens what another has sealed.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b, shake_256
from struct import pack

from suture.store.keys import Keys

TAG = 16
MAX_LENGTH = 8192
"""Bytes of the tag; characters of the longest text that is looked at."""


class Broken(ValueError):
    """The text was not sealed by this database for this purpose and this use."""


class Seal:
    """Seals and opens texts for one purpose, such as "search cursor", of one database."""

    def __init__(self, keys: Keys, purpose: str) -> None:
        self._tag_key = _derived(keys, f"{purpose} tag")
        self._stream_key = _derived(keys, f"{purpose} stream")

    def close(self, use: bytes, plain: bytes) -> str:
        """`plain` as a text of letters, digits, `-` and `_`. `use`: what it belongs to; the same opens it."""
        tag = self._tag(use, plain)
        return urlsafe_b64encode(tag + self._mask(tag, plain)).rstrip(b"=").decode("ascii")

    def open(self, use: bytes, text: str) -> bytes:
        """What was closed. Raises Broken."""
        if len(text) > MAX_LENGTH:
            raise Broken
        try:
            sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except ValueError:
            raise Broken from None
        tag = sealed[:TAG]
        plain = self._mask(tag, sealed[TAG:])
        if len(tag) != TAG or not hmac.compare_digest(tag, self._tag(use, plain)):
            raise Broken
        return plain

    def _tag(self, use: bytes, plain: bytes) -> bytes:
        state = blake2b(pack("<I", len(use)) + use, digest_size=TAG, key=self._tag_key)
        state.update(plain)
        return state.digest()

    def _mask(self, tag: bytes, data: bytes) -> bytes:
        stream = shake_256(self._stream_key + tag).digest(len(data))
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _derived(keys: Keys, purpose: str) -> bytes:
    return b"".join(pack("<q", keys.hash(f"{purpose} {n}")) for n in range(4))
