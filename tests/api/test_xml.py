"""FHIR XML over HTTP: https://hl7.org/fhir/R4/http.html#mime-type and xml.html."""

import base64
from typing import Any

import httpx
import pytest

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.versions import Version
from tests.api.given import JSON, SYSTEM, bundle, created, entry, observation, patient, unique

R4 = load(Version.R4)
MEDIA = "application/fhir+xml"
XML = {"content-type": MEDIA}
ACCEPT = {"accept": MEDIA}


def decoded(answer: httpx.Response, media: str = MEDIA) -> dict[str, Any]:
    """The resource in an answer that is XML."""
    assert answer.headers["content-type"] == f"{media};charset=utf-8", answer.text
    return xml.decode(answer.content, R4)


def sent(client: httpx.Client, method: str, path: str, resource: dict[str, Any], **headers: str) -> httpx.Response:
    """The answer to a resource sent as XML."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, content=xml.encode(resource, R4), headers=XML | named)


def test_a_read_in_xml_is_the_same_resource_with_the_same_headers(client: httpx.Client) -> None:
    resource = created(client, observation("Patient/p", valueQuantity={"value": 1.5, "unit": "kg"}))
    url = f"/Observation/{resource['id']}"
    plain, found = client.get(url), client.get(url, headers=ACCEPT)
    assert decoded(found) == json.decode(plain.content)
    for name in ("etag", "last-modified", "content-location", "vary"):
        assert found.headers[name] == plain.headers[name]
    assert "sandbox" in found.headers["content-security-policy"]
    assert client.get(url, headers=ACCEPT | {"if-none-match": found.headers["etag"]}).status_code == 304
    assert decoded(client.get(f"{url}/_history/1", headers=ACCEPT))["id"] == resource["id"]
    head = client.head(url, headers=ACCEPT)
    assert head.headers["content-length"] == str(len(found.content))


@pytest.mark.parametrize(
    ("format", "media"),
    [
        ("xml", MEDIA),
        ("application/fhir+xml", MEDIA),
        ("application%2Ffhir%2Bxml", MEDIA),
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
    ],
)
def test_the_format_parameter_asks_for_xml(client: httpx.Client, format: str, media: str) -> None:
    id = created(client, patient())["id"]
    answer = client.get(f"/Patient/{id}?_format={format}", headers={"accept": "application/fhir+json"})
    assert decoded(answer, media)["id"] == id
    assert client.get(f"/Patient/{id}?_format=json", headers=ACCEPT).json()["id"] == id


def test_indented_xml(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    text = client.get(f"/Patient/{id}?_format=xml&_pretty=true").text
    assert f'\n  <id value="{id}"/>\n' in text
    assert "\n" not in client.get(f"/Patient/{id}?_format=xml").text


def test_writes_in_xml(client: httpx.Client) -> None:
    value = unique()
    made = sent(client, "POST", "/Patient", patient(value, birthDate="1970"), accept=MEDIA)
    assert made.status_code == 201
    resource = decoded(made)
    id = resource["id"]
    assert made.headers["location"].endswith(f"/Patient/{id}/_history/1")
    assert client.get("/Patient", params={"identifier": f"{SYSTEM}|{value}"}).json()["total"] == 1
    changed = sent(client, "PUT", f"/Patient/{id}", resource | {"gender": "female"}, if_match='W/"1"')
    assert changed.status_code == 200
    assert changed.json()["gender"] == "female"
    assert client.get(f"/Patient/{id}").json()["birthDate"] == "1970"
    again = sent(client, "POST", "/Patient", patient(value), if_none_exist=f"identifier={SYSTEM}|{value}", accept=MEDIA)
    assert (again.status_code, decoded(again)["id"]) == (200, id)
    quiet = sent(client, "PUT", f"/Patient/{id}", resource, prefer="return=minimal", accept=MEDIA)
    assert (quiet.status_code, quiet.content) == (200, b"")


def test_what_is_in_xml_and_json_is_stored_alike(client: httpx.Client) -> None:
    resource = observation("Patient/p", id=unique(), note=[{"text": "a\r\n\tb <&> \u00e9"}])
    body = xml.encode(resource, R4).replace(b'<status value="final"/>', b'<status value="final" id="s"/>')
    body = body.replace(b"<subject>", b'<subject id="x">')
    assert client.put(f"/Observation/{resource['id']}", content=body, headers=XML).status_code == 201
    found = client.get(f"/Observation/{resource['id']}").json()
    assert found["_status"] == {"id": "s"}
    assert found["subject"] == {"id": "x", "reference": "Patient/p"}
    assert found["note"] == resource["note"]


def test_references_to_this_server_become_relative(client: httpx.Client) -> None:
    base = str(client.base_url).rstrip("/")
    body = xml.encode(observation(f"{base}/Patient/p"), R4)
    for text in (body, body.replace(b"http:", b"http&#58;")):
        answer = client.post("/Observation", content=text, headers=XML)
        assert answer.json()["subject"] == {"reference": "Patient/p"}


def test_faults_in_xml_are_400_with_line_and_place(client: httpx.Client) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir">\n<gender value="male"/>\n<name><x/></name></Patient>'
    answer = client.post("/Patient", content=body, headers=XML | ACCEPT)
    assert answer.status_code == 400
    issues = decoded(answer)["issue"]
    assert "Line 3: <name> stands after <gender>" in issues[0]["diagnostics"]
    assert issues[1]["expression"] == ["Patient.name[0]"]
    for bad in (
        b"",
        b"{}",
        b"<a",
        b'<!DOCTYPE x><Patient xmlns="http://hl7.org/fhir"/>',
        b'{"resourceType":"Patient"}',
    ):
        assert client.post("/Patient", content=bad, headers=XML).status_code == 400


def test_a_resource_in_xml_is_validated_like_any_other(client: httpx.Client) -> None:
    answer = sent(client, "POST", "/Patient", patient(gender="m"), accept=MEDIA)
    assert answer.status_code == 422
    assert decoded(answer)["issue"][0]["expression"] == ["Patient.gender"]
    assert sent(client, "POST", "/Observation", patient()).status_code == 400


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+xml", 201),
        ("application/xml", 201),
        ("text/xml; charset=UTF-8", 201),
        ("application/xml+fhir", 201),
        ("application/fhir+xml; fhirVersion=4.0", 201),
        ("application/fhir+xml; fhirVersion=5.0", 415),
        ("application/fhir+xml; charset=latin1", 415),
        ("application/xhtml+xml", 415),
    ],
)
def test_content_types(client: httpx.Client, content_type: str, status: int) -> None:
    answer = client.post("/Patient", content=xml.encode(patient(), R4), headers={"content-type": content_type})
    assert answer.status_code == status


def test_errors_are_told_in_xml(client: httpx.Client) -> None:
    for path, status in (
        ("/Patient/none", 404),
        ("/Patien", 404),
        ("/Patient?nonsense=1", 400),
        ("/Patient/x/$foo", 404),
    ):
        answer = client.get(path, headers=ACCEPT)
        assert answer.status_code == status
        assert decoded(answer)["resourceType"] == "OperationOutcome"
    assert decoded(client.get("/Patient?_sort=%01&_format=xml"))["resourceType"] == "OperationOutcome"
    refused = client.get("/Patient", headers={"accept": "text/turtle"})
    assert refused.status_code == 406
    assert "application/fhir+xml" in refused.text


def test_searches_and_histories_in_xml(client: httpx.Client) -> None:
    value = unique()
    id = created(client, patient(value))["id"]
    client.delete(f"/Patient/{created(client, patient())['id']}")
    for answer in (
        client.get("/Patient", params={"identifier": value, "_format": "xml"}),
        client.get("/Patient", params={"identifier": value}, headers=ACCEPT),
        client.post("/Patient/_search", data={"identifier": value}, headers=ACCEPT),
        client.post("/Patient/_search", data={"identifier": value, "_format": "xml"}),
        client.get("/", params={"_type": "Patient", "_id": id}, headers=ACCEPT),
    ):
        found = decoded(answer)
        assert (found["type"], found["total"], found["entry"][0]["resource"]["id"]) == ("searchset", 1, id)
        assert found["entry"][0]["search"] == {"mode": "match"}
    assert decoded(client.get("/Patient", params={"identifier": value, "_elements": "name"}, headers=ACCEPT))
    for path in (f"/Patient/{id}/_history", "/Patient/_history?_count=5", "/_history?_count=5"):
        assert decoded(client.get(path, headers=ACCEPT))["type"] == "history"
    empty = decoded(client.get("/Patient", params={"identifier": unique()}, headers=ACCEPT))
    assert "entry" not in empty


def test_links_keep_the_format(client: httpx.Client) -> None:
    value = unique()
    for _ in range(3):
        created(client, patient(value))
    page = decoded(client.get("/Patient", params={"identifier": value, "_count": "2", "_format": "xml"}))
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    assert len(decoded(client.get(following))["entry"]) == 1


def test_transactions_and_batches_in_xml(client: httpx.Client) -> None:
    value, urn = unique(), "urn:uuid:6a6d2d5c-8f1e-4c3a-9a55-0a4f8f3c1d11"
    entries = (
        entry("POST", "Patient", patient(value), urn),
        entry("POST", "Observation", observation(urn)),
        entry("GET", f"Patient?identifier={value}"),
    )
    done = decoded(sent(client, "POST", "/", bundle("transaction", *entries), accept=MEDIA))
    assert [part["response"]["status"][:3] for part in done["entry"]] == ["201", "201", "200"]
    assert done["entry"][2]["resource"]["total"] == 1
    mixed = bundle("batch", entry("GET", "Patient/none"), entry("POST", "Patient", patient(value)))
    found = decoded(sent(client, "POST", "/", mixed, accept=MEDIA))
    assert found["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert found["entry"][1]["response"]["status"] == "201 Created"


def test_operations_in_xml(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert decoded(client.get(f"/Patient/{id}/$everything", headers=ACCEPT))["total"] == 1
    label = {"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": "t"}]}}
    parameters = {"resourceType": "Parameters", "parameter": [label]}
    answer = decoded(sent(client, "POST", f"/Patient/{id}/$meta-add", parameters, accept=MEDIA))
    assert answer["parameter"][0]["valueMeta"]["tag"] == label["valueMeta"]["tag"]
    judged = decoded(sent(client, "POST", "/Patient/$validate", patient(), accept=MEDIA))
    assert judged["resourceType"] == "OperationOutcome"


def test_patches_in_xml(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.name[0].family"},
        {"name": "value", "valueString": "Abara"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    changed = sent(client, "PATCH", f"/Patient/{id}", parameters, accept=MEDIA)
    assert decoded(changed)["name"][0]["family"] == "Abara"


XML_PATCH = {"content-type": "application/xml-patch+xml"}


def xml_patch(content: str) -> str:
    return f'<diff xmlns="http://hl7.org/fhir">{content}</diff>'


def test_xml_patch_makes_the_next_version(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    body = xml_patch(
        '<replace sel="Patient/name[1]/family/@value">Abara</replace>'
        '<add sel="f:Patient/f:name" pos="before"><active value="true"/></add>'
    )
    answer = client.patch(f"/Patient/{id}", content=body, headers=XML_PATCH | ACCEPT)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    found = decoded(answer)
    assert (found["active"], found["name"]) == (True, [{"family": "Abara", "given": ["Ana"]}])


def test_what_an_xml_patch_may_not_do(client: httpx.Client) -> None:
    id = created(client, patient())["id"]

    def status(content: str) -> int:
        return client.patch(f"/Patient/{id}", content=content, headers=XML_PATCH).status_code

    assert status(xml_patch('<replace sel="Patient/id/@value">other</replace>')) == 422
    assert status(xml_patch('<remove sel="Patient/gender"/>')) == 422
    assert status(xml_patch('<add sel="Patient"><active value="true"/></add>')) == 422
    assert status(xml_patch('<add sel="Patient/name" pos="before"><active value="1"/></add>')) == 422
    assert status(xml_patch('<remove sel="//name"/>')) == 400
    assert status(xml_patch("")) == 400
    assert status("") == 400
    assert status("{}") == 400
    assert client.get(f"/Patient/{id}").headers["etag"] == 'W/"1"'


def test_xml_patch_in_a_transaction(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    data = base64.b64encode(xml_patch('<remove sel="Patient/name/given"/>').encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/xml-patch+xml", "data": data}
    done = sent(client, "POST", "/", bundle("transaction", entry("PATCH", f"Patient/{id}", binary)))
    assert done.status_code == 200, done.text
    assert client.get(f"/Patient/{id}").json()["name"] == [{"family": "Ekman"}]


def test_the_capability_statement_says_xml_and_comes_in_it(client: httpx.Client) -> None:
    statement = decoded(client.get("/metadata", headers=ACCEPT))
    assert {"xml", "application/fhir+xml"} <= set(statement["format"])


def test_a_binary_goes_in_and_comes_out_as_a_resource_in_xml(client: httpx.Client) -> None:
    content = base64.b64encode(b"hello").decode()
    made = sent(client, "POST", "/Binary", {"resourceType": "Binary", "contentType": "text/plain", "data": content})
    url = f"/Binary/{made.json()['id']}"
    assert client.get(url).text == "hello"
    assert decoded(client.get(url, headers=ACCEPT))["data"] == content
    assert decoded(client.get(f"{url}?_format=xml"))["data"] == content
    faulty = b'<Binary xmlns="http://hl7.org/fhir"><foo/></Binary>'
    assert client.post("/Binary", content=faulty, headers=XML).status_code == 400
    document = b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    plain = client.post("/Binary", content=document, headers={"content-type": "application/xml"})
    assert plain.json()["contentType"] == "application/xml"
    back = client.get(f"/Binary/{plain.json()['id']}", headers={"accept": "application/xml"})
    assert (back.content, back.headers["content-type"]) == (document, "application/xml")


def test_a_browser_still_gets_json(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert (
        client.get(f"/Patient/{id}", headers={"accept": accept}).headers["content-type"].startswith("application/json")
    )


def test_graphql_is_always_json(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = client.get(f"/Patient/{id}/$graphql", params={"query": "{ id }"}, headers=ACCEPT)
    assert answer.json() == {"data": {"id": id}}


def test_what_xml_cannot_carry_is_406_and_there_in_json(client: httpx.Client) -> None:
    resource = created(client, patient(name=[{"text": "a\uffffb"}]))
    answer = client.get(f"/Patient/{resource['id']}", headers=ACCEPT)
    assert answer.status_code == 406
    assert "U+FFFF" in decoded(answer)["issue"][0]["diagnostics"]
    assert client.get(f"/Patient/{resource['id']}", headers=JSON).json() == resource


def test_large_answers_in_xml_with_gzip(client: httpx.Client) -> None:
    tag = unique()
    entries = [entry("POST", "Patient", patient(tag, name=[{"text": "x" * 500}])) for _ in range(250)]
    assert sent(client, "POST", "/", bundle("transaction", *entries)).status_code == 200
    answer = client.get("/Patient", params={"identifier": tag, "_count": "250"}, headers=ACCEPT)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(decoded(answer)["entry"]) == 250
