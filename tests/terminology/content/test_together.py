"""Reads that are asked for at the same time."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from suture.terminology.content.together import Together


class Shop:
    """Knows the length of every word but of those with a question mark. `asked`: what each read was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.open = asyncio.Event()

    async def read(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(list(keys))
        await self.open.wait()
        if "!" in keys:
            raise ValueError("!")
        return {key: len(key) for key in keys if "?" not in key}


def test_what_is_asked_for_during_a_read_is_read_at_once_by_the_next_one() -> None:
    async def run() -> None:
        shop = Shop()
        together = Together(shop.read)
        tasks = [asyncio.create_task(together.get(word)) for word in ("a", "bb", "cc?", "bb", "dddd")]
        await asyncio.sleep(0)
        late = asyncio.create_task(together.get("eee"))
        shop.open.set()
        assert await asyncio.gather(*tasks, late) == [1, 2, None, 2, 4, 3]
        assert [sorted(keys) for keys in shop.asked] == [["a"], ["bb", "cc?", "dddd", "eee"]]

    asyncio.run(run())


def test_who_goes_away_takes_nobody_along() -> None:
    async def run() -> None:
        shop = Shop()
        together = Together(shop.read)
        first = asyncio.create_task(together.get("a"))
        await asyncio.sleep(0)
        leader, other = asyncio.create_task(together.get("bb")), asyncio.create_task(together.get("ccc"))
        await asyncio.sleep(0)
        first.cancel()
        while len(shop.asked) < 2:
            await asyncio.sleep(0)
        leader.cancel()
        while len(shop.asked) < 3:
            await asyncio.sleep(0)
        shop.open.set()
        assert await other == 3
        assert first.cancelled()
        assert leader.cancelled()

    asyncio.run(run())


def test_an_error_is_everybodys_and_the_next_read_begins_anew() -> None:
    async def run() -> None:
        shop = Shop()
        together = Together(shop.read)
        first = asyncio.create_task(together.get("a"))
        await asyncio.sleep(0)
        others = [asyncio.create_task(together.get(word)) for word in ("!", "bb")]
        await asyncio.sleep(0)
        shop.open.set()
        assert await first == 1
        for other in others:
            with pytest.raises(ValueError, match="!"):
                await other
        assert await together.get("bb") == 2

    asyncio.run(run())
