"""How fast loaded terminology answers: ICD-10-CM on each engine, in process and over HTTP; a large RF2 release.

    .venv/bin/python -m bench.terminology [--engine sqlite] [--icd FILE] [--rf2 CONCEPTS] [--seconds 3]

`--icd`: the tabular list, or an archive with it; without it it is fetched as `suture terminology add icd-10-cm` does.
`--rf2`: also write and load a synthetic SNOMED CT release of so many concepts. Prints a table.
"""

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from bench.rf2_release import write
from suture.cli.terminology_packs import fetched
from suture.store.opening import open_store
from suture.store.terminology import Shelf, versions
from suture.terminology.content import Everything
from suture.terminology.content.provider import StoredSystem
from tests import cluster, databases, servers

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
IN_USE = 2_000
"""Different codes that are asked for over HTTP."""
TEXTS = (
    "fracture femur", "diab", "left", "unsp", "e", "asthma", "type 2 diabetes", "of", "hyper", "acute resp fail",
    "pregnancy", "burn third", "E11", "injury of", "open wound right", "subseq encounter", "m", "neoplasm malig",
)  # fmt: skip
CONSTRAINTS = (
    "<< {top}", "<< {top} AND ^ 723264001", "* : {a} = *", "<< {top} : {a} = << {top}",
    "<< {top} : {{ {a} = *, {b} = * }}", "<< {top} . {a}", '<< {top} {{{{ term = "be co" }}}}',
    "<< {top} : [0..0] {a} = *", "<< {top} {{{{ C definitionStatus = defined }}}}",
)  # fmt: skip


def tell(engine: str, what: str, figure: str) -> None:
    """A line of the table."""
    print(f"{engine:<11} {what:<52} {figure}", flush=True)


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1024


def worked(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def add(url: str, source: Path) -> str:
    """Load a release as a user does; the time and the memory that it took."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "suture", "terminology", "add", str(source), "--database", url],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{source} could not be loaded")
    return f"{time.monotonic() - started:,.1f} s, at most {usage.ru_maxrss / 1024:,.0f} MB"


@contextlib.asynccontextmanager
async def content(url: str) -> AsyncGenerator[Everything]:
    """The code systems of a database."""
    store = await open_store(url, index=lambda _, __: None)
    everything = Everything(Shelf(store.reading, store.dialect))
    async with store.reading() as connection:
        everything.adopt(await versions(connection))
    try:
        yield everything
    finally:
        await store.close()


async def rate(work: Callable[[str], Awaitable[object]], codes: Sequence[str]) -> str:
    """How many per second, one after the other."""
    started = time.perf_counter()
    for code in codes:
        await work(code)
    return f"{len(codes) / (time.perf_counter() - started):,.0f}/s"


async def in_process(engine: str, url: str) -> list[str]:
    """The provider by itself; returns codes."""
    before = memory(os.getpid())
    async with content(url) as everything:
        icd = await everything.find(ICD, None)
        assert isinstance(icd, StoredSystem)
        codes = [code.upper() for _, code in await icd.kept.rows.keys(icd.cs)]
        random.Random(1).shuffle(codes)
        tell(engine, "lookup, each code for the first time", await rate(icd.concept, codes[:20_000]))
        tell(engine, "lookup, codes that were looked up before", await rate(icd.concept, codes[:20_000]))
        pairs = list(zip(codes[:20_000], [*codes[1:20_000], codes[0]], strict=True))
        for a, b in pairs:
            await icd.subsumes(a, b)
        started = time.perf_counter()
        for a, b in pairs:
            await icd.subsumes(a, b)
        tell(engine, "subsumption", f"{(time.perf_counter() - started) / len(pairs) * 1e6:.1f} µs")
        times: list[float] = []
        for text in TEXTS:
            started = time.perf_counter()
            await icd.search(text)
            times.append((time.perf_counter() - started) * 1000)
        tell(engine, "text search, each text for the first time", spread(times))
        for code in codes:
            await icd.concept(code)
        tell(engine, "memory more, when every code was asked for", f"{memory(os.getpid()) - before:,.0f} MB")
    return codes


def spread(times: list[float]) -> str:
    """Median, 95th percentile and the longest, in milliseconds."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {statistics.median(ordered):.1f} ms, p95 {p95:.1f} ms, longest {ordered[-1]:.1f} ms"


class Client:
    """A connection that asks one request after the other, with as little work of its own as possible."""

    def __init__(self, base: str) -> None:
        self._parts = urlsplit(base)

    async def __aenter__(self) -> "Client":
        self._reader, self._writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def get(self, path: str) -> int:
        """Ask; the status."""
        head = f"GET {self._parts.path}/{path} HTTP/1.1\r\nhost: x\r\naccept: application/fhir+json\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.split(b":")[1]))
        return int(answer.split(b" ", 2)[1])


async def over_http(base: str, paths: Sequence[str], clients: int, seconds: float) -> tuple[float, list[float]]:
    """Requests per second, and how long each took in milliseconds."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def run(number: int) -> None:
        async with Client(base) as client:
            at = number
            while time.perf_counter() < until:
                started = time.perf_counter()
                status = await client.get(paths[at % len(paths)])
                times.append((time.perf_counter() - started) * 1000)
                assert status == 200, (status, paths[at % len(paths)])
                at += clients

    started = time.perf_counter()
    await asyncio.gather(*(run(number) for number in range(clients)))
    return len(times) / (time.perf_counter() - started), times


async def served(engine: str, server: servers.Server, codes: Sequence[str], seconds: float) -> None:
    """A server process under requests."""
    before = memory(server.process.pid)
    some = codes[:IN_USE]
    validate = [f"CodeSystem/$validate-code?url={ICD}&code={code}" for code in some]
    lookup = [f"CodeSystem/$lookup?system={ICD}&code={code}" for code in some]
    members = [f"ValueSet/$validate-code?url={ICD}/vs&system={ICD}&code={code}" for code in some]
    for name, paths in (
        ("CodeSystem/$validate-code", validate),
        ("CodeSystem/$lookup", lookup),
        ("ValueSet/$validate-code", members),
    ):
        for clients in (1, 16):
            await over_http(server.fhir, paths, clients, 1)
            used = worked(server.process.pid)
            found, times = await over_http(server.fhir, paths, clients, seconds)
            each = (worked(server.process.pid) - used) / len(times) * 1e6
            tell(engine, f"{name}, {clients} clients", f"{found:,.0f}/s, {each:,.0f} µs of CPU each, {spread(times)}")
    expand = [f"ValueSet/$expand?url={ICD}/vs&count=20&filter={quote(text)}" for text in TEXTS]
    first = [time_of for text in expand for time_of in (await over_http_once(server.fhir, text))]
    tell(engine, "$expand with text filter, each for the first time", spread(first))
    _, times = await over_http(server.fhir, expand, 1, seconds)
    tell(engine, "$expand with text filter, 1 client", spread(times))
    tell(engine, "memory more of the server", f"{memory(server.process.pid) - before:,.0f} MB")


async def over_http_once(base: str, path: str) -> list[float]:
    """How long one request takes."""
    async with Client(base) as client:
        started = time.perf_counter()
        assert await client.get(path) == 200
        return [(time.perf_counter() - started) * 1000]


async def constraints(engine: str, url: str) -> None:
    """Expression constraints on the synthetic release."""
    async with content(url) as everything:
        snomed = await everything.find(SNOMED, None)
        assert snomed is not None
        started = time.perf_counter()
        (root,) = await snomed.roots()
        tell(engine, "hierarchy of SNOMED CT read", f"{(time.perf_counter() - started) * 1000:.0f} ms")
        below = await snomed.concepts(list(await snomed.children(root)))
        top = next(one.code for one in below if one.display == "Hierarchy 3")
        attribute = await snomed.concept("762705008")
        assert attribute is not None
        names = await snomed.concepts(list(await snomed.children(attribute.number))[:3])
        for pattern in CONSTRAINTS:
            text = pattern.format(top=top, a=names[1].code, b=names[2].code)
            started = time.perf_counter()
            found = await snomed.filter("constraint", "=", text)
            tell(engine, pattern, f"{len(found):,} concepts in {(time.perf_counter() - started) * 1000:.1f} ms")
        tell(engine, "memory of the process", f"{memory(os.getpid()):,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=databases.ENGINES, action="append")
    parser.add_argument("--icd", type=Path)
    parser.add_argument("--rf2", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    cluster.lead()
    try:
        with tempfile.TemporaryDirectory() as name:
            run(arguments, Path(name))
    finally:
        cluster.stop()


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Everything, one engine after the other."""
    if arguments.rf2:
        write(folder / "rf2", arguments.rf2)
    source = arguments.icd or fetched("icd-10-cm", folder)
    for engine in arguments.engine or databases.ENGINES:
        place = folder / engine
        place.mkdir()
        with databases.fresh(engine, place) as url:
            tell(engine, "load of ICD-10-CM", add(url, source))
            codes = asyncio.run(in_process(engine, url))
            server = servers.start(url, place, fresh=True)
            try:
                asyncio.run(served(engine, server, codes, arguments.seconds))
            finally:
                server.stop()
            if arguments.rf2:
                tell(engine, f"load of {arguments.rf2:,} concepts in RF2", add(url, folder / "rf2"))
                asyncio.run(constraints(engine, url))


if __name__ == "__main__":
    main()
