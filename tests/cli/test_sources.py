"""What becomes of files on their way to a server: which are found, and which requests they turn into."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from suture.cli import sources
from suture.cli.sources import Unreadable, digest, find, submissions

PATIENT = '{"resourceType":"Patient","id":"p1","multipleBirthInteger":1}'


def one(path: Path, content: str | bytes) -> list[sources.Submission]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(submissions(find([path])[0]))


def body(submission: sources.Submission) -> dict[str, Any]:
    return json.loads(submission.body)


def test_folders_are_searched_for_what_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.json", "deep/a.ndjson.gz", "deep/er/c.json.zst", "notes.txt", "picture.png", "json"):
        (tmp_path / name).write_text("{}")
    assert [source.path.name for source in find([tmp_path])] == ["b.json", "a.ndjson.gz", "c.json.zst"]


def test_a_file_is_loaded_once_however_often_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(PATIENT)
    assert len(find([tmp_path / "a.json", tmp_path, tmp_path / "." / "a.json"])) == 1


def test_what_others_refer_to_comes_first(tmp_path: Path) -> None:
    for name in ("Ada.json", "hospitalInformation1.json", "practitionerInformation1.json", "Zoe.json"):
        (tmp_path / name).write_text("{}")
    found = find([tmp_path])
    assert [source.path.name[0] for source in found] == ["h", "p", "A", "Z"]
    assert [source.first for source in found] == [True, True, False, False]


@pytest.mark.parametrize("name", ["missing.json", "notes.txt"])
def test_a_path_that_cannot_be_loaded_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(Unreadable, match=name):
        find([tmp_path / name])


def test_a_resource_with_an_id_is_put_and_its_text_stays_as_it_is(tmp_path: Path) -> None:
    text = '{"resourceType": "Observation", "id": "o1", "valueQuantity": {"value": 1.00}}'
    (submission,) = one(tmp_path / "o.json", text)
    assert (submission.method, submission.path, submission.body) == ("PUT", "Observation/o1", text.encode())


def test_a_resource_without_an_id_is_created(tmp_path: Path) -> None:
    (submission,) = one(tmp_path / "o.json", '{"resourceType":"Observation"}')
    assert (submission.method, submission.path) == ("POST", "Observation")


def test_an_id_cannot_lead_elsewhere(tmp_path: Path) -> None:
    (submission,) = one(tmp_path / "o.json", '{"resourceType":"Patient","id":"../Group/1?x=y"}')
    assert submission.path == "Patient/..%2FGroup%2F1%3Fx%3Dy"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_of_requests_goes_as_it_is(tmp_path: Path, kind: str) -> None:
    entries = f'[{{"resource":{PATIENT}}},{{"request":{{"url":"Group/1"}}}}]'
    text = f'{{"resourceType":"Bundle","type":"{kind}","entry":{entries}}}'
    (submission,) = one(tmp_path / "b.json", text)
    assert (submission.kind, submission.method, submission.path) == (kind, "POST", "")
    assert submission.body == text.encode()
    assert [(place.type, place.where) for place in submission.places] == [("Patient", "entry 0"), ("Group", "entry 1")]


def test_a_collection_becomes_a_transaction_that_keeps_references_whole(tmp_path: Path) -> None:
    text = (
        '{"resourceType":"Bundle","type":"collection","entry":['
        '{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"}},'
        f'{{"resource":{PATIENT}}},{{"fullUrl":"urn:uuid:2"}}]}}'
    )
    (submission,) = one(tmp_path / "b.json", text)
    assert body(submission) == {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {"resourceType": "Patient"},
                "request": {"method": "POST", "url": "Patient"},
                "fullUrl": "urn:uuid:1",
            },
            {"resource": json.loads(PATIENT), "request": {"method": "PUT", "url": "Patient/p1"}},
        ],
    }


def test_a_document_is_stored_as_the_bundle_that_it_is(tmp_path: Path) -> None:
    (submission,) = one(tmp_path / "b.json", '{"resourceType":"Bundle","type":"document","entry":[]}')
    assert (submission.kind, submission.path) == ("resource", "Bundle")


def test_lines_travel_in_batches_with_their_text_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH_LINES", 2)
    lines = [f'{{"resourceType":"Observation","id":"o{number}","x":1.{number}0}}' for number in range(5)]
    found = one(tmp_path / "o.ndjson", "\n".join([lines[0], "", *lines[1:]]) + "\n")
    assert [submission.number for submission in found] == [0, 1, 2]
    assert [place.where for submission in found for place in submission.places] == [
        "line 1", "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert b'"x":1.40' in found[2].body


def test_a_broken_line_does_not_stop_the_others(tmp_path: Path) -> None:
    (submission,) = one(tmp_path / "o.ndjson", f'{PATIENT}\n{{"resourceType":\n[1]\n{{"id":"x"}}\n{PATIENT}\n')
    assert [place.where for place in submission.places] == ["line 1", "line 5"]
    assert [place.where for place, _ in submission.broken] == ["line 2", "line 3", "line 4"]


def test_a_file_of_broken_lines_has_nothing_to_send(tmp_path: Path) -> None:
    (submission,) = one(tmp_path / "o.ndjson", "nonsense\n")
    assert submission.body == b""
    assert len(submission.broken) == 1


@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
@pytest.mark.parametrize("name", ["p.json", "p.ndjson"])
def test_compressed_files_are_read(tmp_path: Path, name: str, suffix: str, pack: Any) -> None:
    (submission,) = one(tmp_path / (name + suffix), pack(PATIENT.encode()))
    assert PATIENT.encode() in submission.body
    assert submission.read <= (tmp_path / (name + suffix)).stat().st_size


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"{}", b'{"resourceType":7}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_file_that_is_no_resource_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unreadable):
        one(tmp_path / "x.json", content)


@pytest.mark.parametrize("name", ["x.json.gz", "x.json.zst", "x.ndjson.gz"])
def test_a_file_that_is_not_compressed_as_it_says_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        one(tmp_path / name, b"plain text, not packed at all")


def test_a_cut_off_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        one(tmp_path / "x.json.gz", gzip.compress(PATIENT.encode() * 1000)[:40])


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    for name, text in (("a.json", "1"), ("b.json", "1"), ("c.json", "2")):
        (tmp_path / name).write_text(text)
    first, same, other = (digest(source) for source in find([tmp_path]))
    assert first == same != other
