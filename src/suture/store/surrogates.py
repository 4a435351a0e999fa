"""`k`, the numbers by which index rows know resources: handed out in memory, taken from the database in blocks."""

from suture.store.connection import WriteConnection

BLOCK_BITS = 16


class Surrogates:
    """Hands out `k`: unique, growing numbers, taken from the database in blocks of 2**16."""

    def __init__(self) -> None:
        self._next = 0
        self._left = 0

    async def ready(self, connection: WriteConnection) -> None:
        """Make sure that a whole batch of numbers can be taken without asking the database."""
        if self._left < 1 << (BLOCK_BITS - 1):
            self._next = await connection.next_block() << BLOCK_BITS
            self._left = 1 << BLOCK_BITS

    def take(self) -> int:
        """The next number. Raises RuntimeError when `ready` was not called in time."""
        if not self._left:
            raise RuntimeError("no surrogate left in the block")
        self._left -= 1
        self._next += 1
        return self._next

    def discard(self) -> None:
        """Forget the block: the transaction that took it was rolled back."""
        self._left = 0
