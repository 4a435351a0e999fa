"""Where index rows belong: to a resource, by its key `k`, or to one that it contains.

The n-th indexed resource inside of the resource `k` has the key `-(k * SPAN + n)` in the index tables, and the
container's `ck`. So all its rows stand together, apart from those of other contained ones, and tell the container.
Keys of stored resources are positive (`suture.store.surrogates`).
"""

SPAN = 256

MOST = SPAN - 1
"""Resources inside of one that have index rows."""


def inner_key(k: int, n: int) -> int:
    """The key of the `n`-th contained resource (from 1) of the resource `k`."""
    return -(k * SPAN + n)


def container(k: int) -> int:
    """The key of the stored resource to which rows with the key `k` belong."""
    return k if k >= 0 else -k // SPAN


def number(k: int) -> int:
    """Which of the contained resources of its container has the key `k`."""
    return -k % SPAN


def container_sql(k: str) -> str:
    """SQL of `container`, for a column with keys of contained resources."""
    return f"(-{k} / {SPAN})"


def inside_sql(column: str, k: str) -> str:
    """SQL condition: `column` is the key of a resource inside of the resource `k`."""
    return f"{column} between -({k} * {SPAN} + {MOST}) and -({k} * {SPAN} + 1)"
