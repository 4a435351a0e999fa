"""A client that goes away ends the work for its request: nobody is left to read the answer.

The one thing to know: most answers are out long before anybody could leave, so looking for it begins only after
LOOK_AFTER; and it never begins before the body has been read, which is the handler's to receive.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

LOOK_AFTER = 0.05
"""Seconds of work after which a look at the client pays."""


class ClientDisconnect(Exception):
    """The client went away before it had its answer, or before it had sent its whole request."""


class WhileWanted:
    """`with WhileWanted(…):` cancels the block when the client goes away, and raises ClientDisconnect.

    `receive`: the ASGI channel of the request. `received`: whether its body has been read, or will never be.
    Only for work that may stop anywhere: reading.
    """

    __slots__ = ("_gone", "_receive", "_received", "_task", "_timer", "_watcher")

    def __init__(self, receive: Callable[[], Awaitable[Mapping[str, Any]]], received: Callable[[], bool]) -> None:
        self._receive = receive
        self._received = received
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = task.get_loop().call_later(LOOK_AFTER, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._gone:
            self._task.uncancel()
            if kind is asyncio.CancelledError:
                raise ClientDisconnect from None

    def _look(self) -> None:
        loop = self._task.get_loop()
        if self._received():
            self._watcher = loop.create_task(self._watch())
        else:
            self._timer = loop.call_later(LOOK_AFTER, self._look)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
