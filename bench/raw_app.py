"""The physical limit of reading: a bare ASGI application that answers with the same bytes, and does nothing else.

POST keeps the body under a new id and echoes it; GET answers what was kept. Run by bench/run.py.
"""

import argparse
import itertools
import json
from typing import Any

import uvicorn

KEPT: dict[str, bytes] = {}
NUMBERS = itertools.count(1)
HEADERS = [(b"content-type", b"application/fhir+json;charset=utf-8")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        resource = json.loads(body)
        resource["id"] = str(next(NUMBERS))
        resource["meta"] = {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00.000Z"}
        answer = KEPT[resource["id"]] = json.dumps(resource, separators=(",", ":")).encode()
        status = 201
    else:
        status, answer = 200, KEPT[scope["path"].rpartition("/")[2]]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*HEADERS, (b"content-length", str(len(answer)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        app, port=parser.parse_args().port, log_level="warning", access_log=False, loop="uvloop", http="httptools"
    )
