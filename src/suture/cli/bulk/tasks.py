"""The messages between the process that leads a bulk load and its workers, as MessagePack.

The one thing to know: a task brings its own blocks of surrogates, so the numbers that resources get, and with them
the order of everything, do not depend on which worker did what.
"""

import msgspec

from suture.cli.loading import Refusal


class Lines(msgspec.Struct, frozen=True, tag=True):
    """Whole lines of an NDJSON file, the first of which is number `first`; their resources take `block`.

    `first_of_all`: it is of a file that others refer to.
    """

    file: str
    block: int
    first: int
    text: bytes
    first_of_all: bool = False


class Files(msgspec.Struct, frozen=True, tag=True):
    """JSON files; the resources of the n-th take block `block` + n. `first_of_all`: as of Lines."""

    files: tuple[str, ...]
    block: int
    first_of_all: bool = False


class Known(msgspec.Struct, frozen=True, tag=True):
    """What identifiers mean, for conditions: `Type?identifier=system|value` -> `Type/id`, "" when it is not one."""

    targets: dict[str, str]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """There is no more."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A worker has begun."""


class Done(msgspec.Struct, frozen=True, tag=True):
    """What became of one task: resources stored by type, refusals; `known`: only of files that others refer to."""

    loaded: dict[str, int]
    refused: list[Refusal]
    known: dict[str, str]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A worker cannot go on. `reason`: a sentence."""

    reason: str


Task = Lines | Files | Known | Stop
Answer = Ready | Done | Failed

encode = msgspec.msgpack.Encoder().encode
decode_task = msgspec.msgpack.Decoder(Task).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
