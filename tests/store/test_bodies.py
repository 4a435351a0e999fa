"""Bodies come back as they went in, whatever dictionary the database has."""

from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.definitions import type_number
from suture.store.bodies import OTHER_TYPES, PLAIN, ZSTD, Bodies

DICTIONARIES = {
    2: (type_number("Patient"), b'{"resourceType":"Patient","id":"' * 20),
    3: (OTHER_TYPES, b'{"resourceType":"Observation","status":"final"' * 20),
}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=600), st.sampled_from(["Patient", "Observation", "Basic"]), st.booleans())
def test_every_body_survives(body: bytes, type: str, trained: bool) -> None:
    bodies = Bodies(DICTIONARIES if trained else {})
    enc, data = bodies.encode(type_number(type), body)
    assert Bodies(DICTIONARIES).decode(enc, data) == body


def test_types_use_their_own_dictionary_or_the_one_for_others() -> None:
    body = b'{"resourceType":"Patient","id":"' * 10
    assert Bodies(DICTIONARIES).encode(type_number("Patient"), body)[0] == 2
    assert Bodies(DICTIONARIES).encode(type_number("Claim"), body)[0] == 3
    assert Bodies({}).encode(type_number("Claim"), body)[0] == ZSTD
    assert Bodies(DICTIONARIES).encode(type_number("Claim"), b"short") == (PLAIN, b"short")
