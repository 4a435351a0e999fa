"""Loading files through the FHIR API: several requests at once, every refusal remembered with its reason.

Files that others refer to go first, and transactions that were refused because something that they refer to was
missing are tried again while that helps. The one thing to know: what was answered is written to a `Record` at once,
and an interrupted load waits for the requests that are on their way; only one that was killed repeats those.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import msgspec

from suture.cli.progress_record import Record
from suture.cli.sources import Source, Submission, Unreadable, digest, submissions
from suture.cli.target import Answer, Target, Unreachable

CONCURRENCY = 8
ATTEMPTS = 5
RETRIED_STATUS = frozenset({429, 502, 503, 504})
WORTH_ANOTHER_TRY = frozenset({"not-found", "processing", "conflict", "business-rule", "multiple-matches", "value"})
"""Issue codes that may mean "what this refers to is not here yet"."""


class Refusal(msgspec.Struct, frozen=True):
    """Something that was not stored. `file`, `where`: its place; `type`: "" when unknown; `status`: 0 = not sent."""

    file: str
    where: str
    type: str
    status: int
    reason: str


class Report(msgspec.Struct):
    """The result of a load. `loaded`: resources by type; `skipped`: files that had been loaded before."""

    loaded: Counter[str] = msgspec.field(default_factory=Counter[str])
    refused: list[Refusal] = msgspec.field(default_factory=list[Refusal])
    files: int = 0
    skipped: int = 0


Advance = Callable[[int, int], None]
"""Called as work goes on, with the bytes of files that are done and the number of resources stored."""


class Loader:
    """Loads files into `target`. `again`: also what the record says is done already.

    `report` tells at any time what has happened so far.
    """

    def __init__(self, target: Target, record: Record, advance: Advance, *, again: bool = False) -> None:
        self._target = target
        self._record = record
        self._advance = advance
        self._again = again
        self.report = Report()
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: list[_File] = []

    async def run(self, sources: list[Source]) -> Report:
        """Load `sources`. Raises Unreachable when the target stops answering."""
        try:
            for source in sources:
                await self._load(_File(source))
                if source.first:
                    await self._drain(0)
            await self._drain(0)
            await self._try_again()
        finally:  # also when interrupted: what is on its way is answered and written down first
            await asyncio.gather(*self._tasks, return_exceptions=True)
        return self.report

    async def _try_again(self) -> None:
        """Send the refused transactions again, as long as a round gets some of them in."""
        while self._later:
            waiting, self._later = self._later, []
            for file in waiting:
                await self._load(_File(file.source))
            await self._drain(0)
            if len(self._later) == len(waiting):
                for file in self._later:
                    self._refuse(file, file.refused)
                    self._read(file, file.source.size)
                return

    async def _load(self, file: "_File") -> None:
        file.digest = digest(file.source)
        if not self._again and await self._is_done(file):
            self.report.skipped += 1
            self._advance(file.source.size, 0)
            return
        done = {} if self._again else await self._parts_done(file)
        try:
            for submission in submissions(file.source):
                if submission.number in done:
                    self._read(file, submission.read)
                    continue
                await self._drain(CONCURRENCY - 1)
                file.open += 1
                self._tasks.add(asyncio.create_task(self._send(file, submission)))
        except Unreadable as problem:
            self._refuse(file, [Refusal(str(file.source.path), "", "", 0, str(problem))])
        file.complete = True
        self._finish(file)

    async def _is_done(self, file: "_File") -> bool:
        probe = self._record.finished(file.digest)
        return probe is not None and await self._exists(probe)

    async def _parts_done(self, file: "_File") -> dict[int, str]:
        parts = self._record.parts(file.digest)
        return parts if parts and await self._exists(next(filter(None, parts.values()), "")) else {}

    async def _exists(self, probe: str) -> bool:
        """Whether the database still knows the resource (it may be deleted by now)."""
        return bool(probe) and (await self._target.request("GET", probe)).status in (200, 410)

    async def _drain(self, most: int) -> None:
        """Wait until at most `most` requests are on their way. Raises what they raised."""
        while len(self._tasks) > most:
            done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _send(self, file: "_File", submission: Submission) -> None:
        path = str(file.source.path)
        refused = [Refusal(path, place.where, place.type, 0, reason) for place, reason in submission.broken]
        probe, loaded = "", 0
        if submission.body:
            answer = await self._answer(submission)
            results = _results(submission, answer)
            loaded = self._count(submission, results)
            probe = next((result.location for result in results if result.location), "")
            refused += _refusals(path, submission, results)
            if not loaded and submission.kind == "transaction" and _worth_another_try(results):
                file.refused = refused
                self._later.append(file)
                return
        self._refuse(file, refused)
        if loaded:
            file.probe = file.probe or probe
            if file.source.lines:
                self._record.part_done(file.digest, submission.number, probe)
        file.open -= 1
        self._read(file, submission.read, loaded)
        self._finish(file)

    def _count(self, submission: Submission, results: "list[_Result]") -> int:
        accepted = [place.type for place, result in zip(submission.places, results, strict=True) if result.status < 400]
        self.report.loaded.update(accepted)
        return len(accepted)

    def _refuse(self, file: "_File", refused: list[Refusal]) -> None:
        file.refused = refused
        self.report.refused.extend(refused)

    def _read(self, file: "_File", read: int, loaded: int = 0) -> None:
        """Tell of progress: answers come out of order, so only what is new counts."""
        self._advance(max(0, read - file.read), loaded)
        file.read = max(file.read, read)

    def _finish(self, file: "_File") -> None:
        if file.complete and file.open == 0 and file.probe:
            self.report.files += 1
            self._record.file_done(file.digest, file.probe)
            self._read(file, file.source.size)
            file.probe = ""

    async def _answer(self, submission: Submission) -> Answer:
        answer = Answer(0, {}, b"")
        for attempt in range(ATTEMPTS):
            answer = await self._target.request(submission.method, submission.path, submission.body)
            if answer.status not in RETRIED_STATUS:
                return answer
            await asyncio.sleep(0.2 * 2**attempt)
        raise Unreachable(f"The server answered {answer.status} again and again: {_reason(answer.body)}")


class _File:
    """A file on its way. `open`: requests without an answer; `complete`: all of it was sent."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.digest = ""
        self.probe = ""
        self.open = 0
        self.read = 0
        self.complete = False
        self.refused: list[Refusal] = []


class _Issue(msgspec.Struct):
    severity: str = ""
    code: str = ""
    diagnostics: str = ""
    expression: list[str] = []


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


class _Response(msgspec.Struct):
    status: str = ""
    location: str = ""
    outcome: _Outcome | None = None


class _ResponseEntry(msgspec.Struct):
    response: _Response = msgspec.field(default_factory=_Response)


class _ResponseBundle(msgspec.Struct):
    entry: list[_ResponseEntry] = []


class _Result(msgspec.Struct):
    """What became of one resource. `location`: `Type/id`, "" when not told; `codes`: of the issues."""

    status: int
    location: str
    reason: str
    codes: frozenset[str]


def _results(submission: Submission, answer: Answer) -> list[_Result]:
    """One result per place. A transaction that was refused is one refusal for all its entries."""
    count = len(submission.places)
    if answer.status >= 400:
        outcome = _outcome(answer.body)
        refusal = _Result(answer.status, "", _sentence(outcome, answer.status), _codes(outcome))
        return [refusal] * count
    if submission.kind == "resource":
        return [_Result(answer.status, _short(answer.headers.get("location", submission.path)), "", frozenset())]
    try:
        entries = msgspec.json.decode(answer.body, type=_ResponseBundle).entry
    except msgspec.DecodeError:
        entries = []
    results: list[_Result] = []
    for entry in entries[:count]:
        response = entry.response
        status = int(response.status[:3]) if response.status[:3].isdigit() else 500
        sentence = _sentence(response.outcome, status) if status >= 400 else ""
        results.append(_Result(status, _short(response.location), sentence, _codes(response.outcome)))
    missing = _Result(500, "", "The answer says nothing about this entry.", frozenset())
    return results + [missing] * (count - len(results))


def _refusals(path: str, submission: Submission, results: list[_Result]) -> list[Refusal]:
    if submission.kind == "transaction" and results and all(result is results[0] for result in results):
        if results[0].status < 400:
            return []
        what = f"the whole transaction, {len(results)} entries"
        return [Refusal(path, what, "Bundle", results[0].status, results[0].reason)]
    return [
        Refusal(path, place.where, place.type, result.status, result.reason)
        for place, result in zip(submission.places, results, strict=True)
        if result.status >= 400
    ]


def _worth_another_try(results: list[_Result]) -> bool:
    return bool(results) and bool(results[0].codes & WORTH_ANOTHER_TRY)


def _short(location: str) -> str:
    """`Type/id` of a location such as `http://host/fhir/r4/Patient/1/_history/1`."""
    parts = location.partition("/_history")[0].rstrip("/").split("/")
    return "/".join(parts[-2:]) if len(parts) >= 2 else ""


def _outcome(body: bytes) -> _Outcome | None:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(body, type=_Outcome)
    return None


def _codes(outcome: _Outcome | None) -> frozenset[str]:
    return frozenset(issue.code for issue in outcome.issue) if outcome else frozenset()


def _reason(body: bytes) -> str:
    return _sentence(_outcome(body), 0)


def _sentence(outcome: _Outcome | None, status: int) -> str:
    """The errors of an outcome in one line; at most three of them, and how many more there are."""
    issues = [issue for issue in (outcome.issue if outcome else []) if issue.severity in ("error", "fatal")]
    if not issues:
        return f"The server answered {status} without a reason."
    told = [": ".join(filter(None, [*issue.expression[:1], issue.diagnostics or issue.code])) for issue in issues[:3]]
    more = f" (and {len(issues) - 3} more)" if len(issues) > 3 else ""
    return " ".join(told) + more
