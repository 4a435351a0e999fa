"""Leading a bulk load: worker processes, each with two tasks at most, one in work and one in its pipe.

The one thing to know: files that others refer to go through the first worker alone before all others start, and what
their identifiers mean is told to everyone.
"""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from suture.cli.bulk import tasks, worker
from suture.cli.bulk.cutting import Cut, Cutter
from suture.cli.bulk.tasks import Done, Failed, Known, Ready, Stop
from suture.cli.loading import Report
from suture.cli.sources import Source
from suture.settings import Settings
from suture.store.bulk.database import Totals
from suture.store.opening import DatabaseError

AHEAD = 2
"""Tasks that a worker may have: one in work, one waiting."""

STOP_SECONDS = 60

Advance = Callable[[int, int], None]
"""Called as work goes on, with the bytes on disk that are done and the number of resources stored."""


class Crew:
    """The worker processes of one load. Used as a context manager, which ends them."""

    def __init__(self, settings: Settings, count: int) -> None:
        # a fresh interpreter each: a copy of this one would hold its open files and locks
        context = multiprocessing.get_context("spawn")
        self._numbers: Any = context.Array("q", 2)
        self._hands: list[_Hand] = []
        for number in range(count):
            mine, theirs = context.Pipe()
            process = context.Process(
                target=worker.main, args=(theirs, settings, number, self._numbers), name=f"suture-bulk-{number}"
            )
            process.start()
            theirs.close()
            self._hands.append(_Hand(mine, process))

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self._hands:
            hand.process.terminate()
        for hand in self._hands:
            hand.process.join()

    @property
    def events(self) -> int:
        """The number of the last event."""
        return self._numbers[0]

    def ready(self) -> None:
        """Wait until every worker has read the database. Raises DatabaseError."""
        for hand in self._hands:
            hand.answer(Ready)

    def load(self, sources: Sequence[Source], report: Report, advance: Advance) -> Totals:
        """Load all sources. Raises DatabaseError."""
        cutter = Cutter()
        known = self._work(self._hands[:1], cutter.cut([one for one in sources if one.first]), report, advance)
        if known:
            for hand in self._hands:
                hand.send(Known(known))
        self._work(self._hands, cutter.cut([one for one in sources if not one.first]), report, advance)
        for hand in self._hands:
            hand.send(Stop())
        for hand in self._hands:
            hand.process.join(STOP_SECONDS)
            if hand.process.exitcode != 0:
                raise DatabaseError(f"a process of the bulk load ended with status {hand.process.exitcode}")
        return Totals(cutter.blocks, self.events)

    def _work(self, hands: "list[_Hand]", cuts: Iterable[Cut], report: Report, advance: Advance) -> dict[str, str]:
        known: dict[str, str] = {}
        for cut in cuts:
            if cut.problem is not None:
                report.refused.append(cut.problem)
            if cut.task is None:
                report.files += cut.files
                advance(cut.read, 0)
                continue
            hand = self._free(hands, report, advance, known)
            hand.send(cut.task)
            hand.cuts.append(cut)
        while any(hand.cuts for hand in hands):
            self._take(hands, report, advance, known)
        return known

    def _free(self, hands: "list[_Hand]", report: Report, advance: Advance, known: dict[str, str]) -> "_Hand":
        while True:
            hand = min(hands, key=lambda hand: len(hand.cuts))
            if len(hand.cuts) < AHEAD:
                return hand
            self._take(hands, report, advance, known)

    def _take(self, hands: "list[_Hand]", report: Report, advance: Advance, known: dict[str, str]) -> None:
        """Wait for answers, and note them."""
        waited = {hand.pipe: hand for hand in hands if hand.cuts}
        for pipe in connection.wait(list(waited)):
            hand = waited[pipe]  # pyright: ignore[reportArgumentType] (wait gives what it got)
            done = hand.answer(Done)
            cut = hand.cuts.pop(0)
            report.loaded.update(done.loaded)
            report.refused.extend(done.refused)
            report.files += cut.files
            known.update(done.known)
            advance(cut.read, sum(done.loaded.values()))


class _Hand:
    """One worker as the leader sees it. `cuts`: what it was given and has not answered yet."""

    def __init__(self, pipe: Connection, process: BaseProcess) -> None:
        self.pipe = pipe
        self.process = process
        self.cuts: list[Cut] = []

    def send(self, task: tasks.Task) -> None:
        try:
            self.pipe.send_bytes(tasks.encode(task))
        except OSError:
            raise self._gone() from None

    def answer(self, expected: type[Any]) -> Any:
        """The next answer. Raises DatabaseError when the worker failed."""
        try:
            answer = tasks.decode_answer(self.pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._gone() from None
        if isinstance(answer, Failed):
            raise DatabaseError(answer.reason)
        if not isinstance(answer, expected):
            raise TypeError(f"a worker answered {answer!r}")
        return answer

    def _gone(self) -> DatabaseError:
        """Why the worker does not answer: what it said last, or how it ended."""
        self.process.join(STOP_SECONDS)
        with contextlib.suppress(EOFError, OSError):
            while self.pipe.poll():
                answer = tasks.decode_answer(self.pipe.recv_bytes())
                if isinstance(answer, Failed):
                    return DatabaseError(answer.reason)
        return DatabaseError(f"a process of the bulk load ended with status {self.process.exitcode}")
