"""One worker process of a bulk load: takes tasks, makes rows, writes them.

The one thing to know: a thread takes the next task from the pipe while this one is worked on, so that neither waits
for the other.
"""

import asyncio
import gc
import queue
import signal
import threading
from collections import Counter
from multiprocessing.connection import Connection
from time import time_ns
from typing import Any

from suture.app import SERVED, open_services
from suture.cli.bulk import tasks
from suture.cli.bulk.intake import Intake
from suture.cli.bulk.tasks import Answer, Done, Failed, Files, Known, Lines, Ready, Stop, Task
from suture.cli.loading import Refusal
from suture.settings import Settings
from suture.store.bulk.database import Writer
from suture.store.bulk.engines import bulk_writer
from suture.store.bulk.rows import Assembler
from suture.store.opening import DatabaseError

MILLISECOND = 1000


class Numbers:
    """The numbers of events, shared by all workers: growing, without gaps, and so is the time of each."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared

    def take(self, count: int) -> tuple[int, int]:
        """The first of `count` numbers, and the time of their events, in microseconds since 1970 UTC."""
        with self._shared.get_lock():
            first, last = self._shared[0] + 1, self._shared[1]
            now = time_ns() // 1000
            now = max(now - now % MILLISECOND, last)
            self._shared[0] += count
            self._shared[1] = now
            return first, now


def main(pipe: Connection, settings: Settings, number: int, shared: Any) -> None:
    """What the process runs. `shared`: two shared integers, the last event number and its time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that leads decides
    gc.disable()  # resources are trees, and go by their counts
    try:
        asyncio.run(_run(pipe, settings, number, Numbers(shared)))
    except DatabaseError as error:
        _send(pipe, Failed(str(error)))
    except (EOFError, BrokenPipeError):
        return  # the process that leads is gone


def _send(pipe: Connection, answer: Answer) -> None:
    pipe.send_bytes(tasks.encode(answer))


async def _run(pipe: Connection, settings: Settings, number: int, numbers: Numbers) -> None:
    services = await open_services(settings)
    await services.store.close()  # what it knows of the database stays useful
    store = services.store
    model = services.models[SERVED[0]]
    model.hurry()
    worker = _Worker(Intake(model), Assembler(store.keys, store.bodies), numbers)
    _send(pipe, Ready())
    incoming: queue.Queue[Task] = queue.Queue(1)
    threading.Thread(target=_receive, args=(pipe, incoming), daemon=True).start()
    writer: Writer | None = None
    while not isinstance(task := await asyncio.to_thread(incoming.get), Stop):
        if isinstance(task, Known):
            worker.intake.known = task.targets
            continue
        if writer is None:
            writer = await bulk_writer(settings.database, number)
        _send(pipe, await worker.work(task, writer))
    if writer is not None:
        await writer.close()


def _receive(pipe: Connection, incoming: "queue.Queue[Task]") -> None:
    while True:
        try:
            task = tasks.decode_task(pipe.recv_bytes())
        except (EOFError, OSError):
            task = Stop()
        incoming.put(task)
        if isinstance(task, Stop):
            return


class _Worker:
    def __init__(self, intake: Intake, assembler: Assembler, numbers: Numbers) -> None:
        self.intake = intake
        self._assembler = assembler
        self._numbers = numbers

    async def work(self, task: Lines | Files, writer: Writer) -> Done:
        """Carry out one task."""
        refused: list[Refusal] = []
        self.intake.learning = task.first_of_all
        if isinstance(task, Lines):
            groups = [(task.block, self.intake.lines(task.file, task.first, task.text, refused))]
        else:
            groups = [(task.block + n, self.intake.file(file, refused)) for n, file in enumerate(task.files)]
        count = sum(len(accepted) for _, accepted in groups)
        if count:
            seq, now = self._numbers.take(count)
            await writer.write(self._assembler.tables(groups, seq, now))
        loaded = Counter(one.prepared.type for _, accepted in groups for one in accepted)
        return Done(dict(loaded), refused, self.intake.known if task.first_of_all else {})
