"""The page at `/`: what this is, which version, and where to go from here.

The one thing to know: it is one HTML document without scripts, images or anything from elsewhere, and its content
security policy allows nothing but its own style, named by hash.
"""

import base64
import hashlib
from html import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import suture

DOCUMENTATION = "https://hl7.org/fhir/R4/http.html"

EXAMPLES = (
    ("Patient?_count=5", "Five patients"),
    ("Patient?birthdate=lt1960-01-01&_sort=birthdate", "Patients born before 1960, the oldest first"),
    ("Observation?code=http://loinc.org|8302-2&_sort=-date&_count=10", "The ten latest body heights (LOINC 8302-2)"),
    ("Condition?_include=Condition:subject&_count=5", "Five conditions, each with its patient"),
    ("Encounter?date=ge2020-01-01&_total=accurate", "Encounters since 2020, counted"),
    ("_history?_count=10", "The ten latest changes of the whole server"),
)
"""Example requests below the base, each with what it shows."""

_STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.6rem;margin-bottom:.25rem}h2{font-size:1.15rem;margin-top:2rem}
a{color:#0b4f8a}a:focus-visible{outline:3px solid #0b4f8a;outline-offset:2px}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}li{margin:.35rem 0}
@media(prefers-color-scheme:dark){body{color:#eee;background:#151515}a{color:#8cc4ff}a:focus-visible{outline-color:#8cc4ff}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def landing(path: str, fhir_version: str) -> Route:
    """The route `/`. `path`: of the FHIR base, such as `/fhir/r4`; `fhir_version`: such as `4.0.1`."""
    page = _page(path, fhir_version).encode("utf-8")

    async def answer(request: Request) -> Response:
        return Response(page, media_type="text/html", headers=_HEADERS)

    return Route("/", answer)


def _page(path: str, fhir_version: str) -> str:
    examples = "".join(_item(f"{path}/{query}", query, text) for query, text in EXAMPLES)
    places = "".join(
        _item(url, url, text)
        for url, text in (
            (path, "the FHIR base URL"),
            (f"{path}/metadata", "what the server can do (CapabilityStatement)"),
            ("/openapi.json", "the API as an OpenAPI document"),
            ("/health/ready", "whether the server is ready"),
            ("/metrics", "metrics for Prometheus"),
        )
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Suture: FHIR server</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Suture</h1>
<p>A FHIR server: it keeps healthcare data and answers the FHIR REST API.
Version {escape(suture.__version__)}, FHIR {escape(fhir_version)}.</p>
<h2>Where things are</h2>
<ul>{places}</ul>
<h2>Requests to try</h2>
<ul>{examples}</ul>
<h2>Documentation</h2>
<p>The pages in the folder <code>docs</code> of Suture tell how to install, load, connect and operate it;
the API follows the <a href="{DOCUMENTATION}">FHIR specification</a>.</p>
</main>
</body>
</html>
"""


def _item(url: str, shown: str, text: str) -> str:
    return f'<li><a href="{escape(url)}"><code>{escape(shown)}</code></a>: {escape(text)}</li>\n'
