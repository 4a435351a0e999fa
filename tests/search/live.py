"""The whole application in this process, asked over HTTP: what a client would see, without a socket."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import httpx

from suture.app import Application
from suture.fhir.json import decode, encode, split_body
from suture.settings import Settings
from suture.store.rows import Prepared
from suture.store.transaction import Transaction

T = TypeVar("T")
Resource = dict[str, Any]
BASE = "http://suture.test/fhir/r4/"


class Live:
    """One application on one database, with the event loop in which it lives. Close it at the end."""

    def __init__(self, database: str, **settings: Any) -> None:
        self._runner = asyncio.Runner()
        self._application = Application(Settings(database=database, **settings))
        self.run(self._application.start())
        transport = httpx.ASGITransport(self._application)  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url=BASE, timeout=60)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def get(self, path: str, pairs: Sequence[tuple[str, str]] = ()) -> httpx.Response:
        """GET below the base, or of a whole URL."""
        return self.run(self.client.get(path, params=list(pairs) or None))

    def post(self, path: str, pairs: Sequence[tuple[str, str]]) -> httpx.Response:
        """POST of a form, as `_search` takes it."""
        form = str(httpx.QueryParams(list(pairs)))
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.run(self.client.post(path, content=form, headers=headers))

    def put(self, *resources: Resource) -> None:
        """Create or update resources under their own ids, in one transaction."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        headers = {"content-type": "application/fhir+json"}
        answer = self.run(self.client.post("", content=encode(bundle), headers=headers))
        assert answer.status_code == 200, answer.text[:3000]

    def keep(self, *resources: Resource) -> None:
        """Put resources into the database as they are, also such as a server would not accept."""
        running = self._application._running
        assert running is not None
        services = running._services
        model = next(iter(services.models.values()))

        async def work(tx: Transaction) -> None:
            for resource in resources:
                one = decode(encode(resource))
                type, id = one["resourceType"], one.pop("id")
                rows = model.indexer.rows(one)
                await tx.current(type, id)
                tx.put(type, id, Prepared(type, *split_body(one), rows, model.version.value, model.generation), "PUT")

        self.run(services.store.write(work, targets=[(one["resourceType"], one["id"]) for one in resources]))

    def delete(self, key: str) -> None:
        """Delete `Type/id`."""
        assert self.run(self.client.delete(key)).status_code in (200, 204)

    def everything(self, types: Sequence[str]) -> list[Resource]:
        """All resources of the given types, as the server gives them."""
        found: list[Resource] = []
        for type in types:
            answer = self.get(type, [("_count", "1000"), ("_sort", "_id")])
            while True:
                page = decode(answer.content)
                found += [entry["resource"] for entry in page.get("entry", ())]
                next = [link["url"] for link in page["link"] if link["relation"] == "next"]
                if not next:
                    break
                answer = self.get(next[0])
        return found

    def close(self) -> None:
        self.run(self.client.aclose())
        self.run(self._application.stop())
        self._runner.close()
