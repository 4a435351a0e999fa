"""JSON is read strictly and kept exactly (https://hl7.org/fhir/R4/json.html)."""

import json
import string
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.json import MAX_DEPTH, decode, encode, encode_pretty, join_body, split_body
from suture.fhir.json_places import place_of
from suture.fhir.outcomes import Invalid

# What FHIR allows in text: no control characters but tab, line feed and carriage return.
TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc"]),
        st.sampled_from('\t\n\r"\\/:{}[],u00'),
    ),
    max_size=12,
)
DECIMALS = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False, places=6
).filter(lambda d: "." in str(d))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), DECIMALS, TEXT)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=25,
)
RESOURCES = st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=8), DOCUMENTS, max_size=6)


def refusal(raw: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        decode(raw)
    assert caught.value.status == 400
    return str(caught.value)


def in_other_notation(value: Any, draw: Any) -> str:
    """JSON text of `value` with white space and escapes that a sender may choose."""
    if isinstance(value, dict):
        gap = draw(st.sampled_from(["", " ", "\n\t"]))
        members = (f"{in_other_notation(k, draw)}{gap}:{gap}{in_other_notation(v, draw)}" for k, v in value.items())
        return "{" + gap + f"{gap},".join(members) + gap + "}"
    if isinstance(value, list):
        return "[" + ", ".join(in_other_notation(item, draw) for item in value) + "]"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        return text.replace(":", "\\u003a") if draw(st.booleans()) else text
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


@given(DOCUMENTS)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    assert decode(encode(value)) == value
    assert decode(encode_pretty(value)) == value
    assert encode(decode(encode(value))) == encode(value)


@given(DOCUMENTS, st.data())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_spaces_and_escapes_do_not_matter(value: Any, data: st.DataObject) -> None:
    assert decode(in_other_notation(value, data.draw).encode()) == value


@given(DOCUMENTS)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_bytes_and_memoryviews_read_alike(value: Any) -> None:
    raw = encode(value)
    assert decode(memoryview(raw)) == decode(bytearray(raw)) == decode(raw)


@pytest.mark.parametrize(
    "text", ["1.10", "0.0", "-0.00", "1.0", "100.000", "0.0000001", "3.14159265358979323846264338"]
)
def test_decimals_keep_their_digits(text: str) -> None:
    value = decode(f'{{"value":{text}}}'.encode())["value"]
    assert isinstance(value, Decimal)
    assert Decimal(text) == value
    assert value.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize("text", ["1.10", "0.0", "-0.00", "1.0", "100.000", "3.14159265358979323846264338", "17", "-4"])
def test_numbers_are_written_as_they_came(text: str) -> None:
    raw = f'{{"value":{text}}}'.encode()
    assert encode(decode(raw)) == raw


@pytest.mark.parametrize(("text", "written"), [("1e5", "1E+5"), ("1.20e-3", "0.00120"), ("-0", "0")])
def test_exponents_keep_value_and_precision(text: str, written: str) -> None:
    assert encode(decode(text.encode())) == written.encode()


@pytest.mark.parametrize("text", ["1e309", "-1e309", "1e-309", "1E400", "0e999", "1" * 401 + ".5", "1e99999999999"])
def test_numbers_out_of_range_are_refused_with_their_place(text: str) -> None:
    message = refusal(f'{{"resourceType":"Observation","valueQuantity":{{"value":{text}}}}}'.encode())
    assert "Observation.valueQuantity.value" in message


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x1", "1_000"])
def test_what_is_no_json_number_is_refused(text: str) -> None:
    assert "line 1, column" in refusal(f'{{"value":{text}}}'.encode())


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"a":1,"a":2}', '"a" appears more than once.'),
        (b'{"a":1,"a":1}', '"a"'),
        (b'{"resourceType":"Patient","name":[{"given":["x"],"given":["y"]}]}',
        '"given" appears more than once at Patient.name[0]'),
        (b'{"a":1,"\\u0061":2}', '"a"'),
        (b'{"a":{"b":1},"a":[]}', '"a"'),
        # An escaped colon makes up for the colon of the dropped key.
        (b'{"a":1,"a":"\\u003a"}', '"a"'),
        (b'{"a":"\\u003A","a":1}', '"a"'),
        (b'{"a:":1,"a:":2}', '"a:"'),
    ],
)  # fmt: skip
def test_duplicate_keys_are_refused_with_their_place(raw: bytes, place: str) -> None:
    assert place in refusal(raw)


@given(RESOURCES.filter(bool), st.data())
@settings(max_examples=100, derandomize=True, deadline=None)
def test_no_duplicate_key_slips_through(value: dict[str, Any], data: st.DataObject) -> None:
    members = [f"{in_other_notation(k, data.draw)}:{in_other_notation(v, data.draw)}" for k, v in value.items()]
    members.insert(data.draw(st.integers(0, len(members))), data.draw(st.sampled_from(members)))
    text = "{" + ",".join(members) + "}"
    depth = data.draw(st.integers(0, 3))
    assert "more than once" in refusal((depth * '{"x":[' + text + depth * "]}").encode())


@pytest.mark.parametrize("escape", ["\\u0000", "\\u0001", "\\u001f", "\\u001F", "\\b", "\\f", "\\u000b", "\\u000B"])
def test_escaped_control_characters_are_refused_with_their_place(escape: str) -> None:
    message = refusal(f'{{"resourceType":"Patient","name":[{{"family":"a\\\\{escape}b"}}]}}'.encode())
    assert "control character U+00" in message
    assert "Patient.name[0].family" in message


def test_control_characters_in_keys_are_refused() -> None:
    assert "control character U+0000" in refusal(b'{"a\\u0000":1}')


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ('"name":[{"given":["Ana",]}]', "Patient.name[0].given"),
        ('"name":[{"given":[Ana]}]', "Patient.name[0].given[0]"),
        ('"name":[{"given":["Ana" "Bea"]}]', "Patient.name[0].given"),
        ('"name":[{"family":"Ana",}]', "Patient.name[0]"),
        ('"name":[{"family" "Ana"}]', "Patient.name[0]"),
        ('"name":[{family:"Ana"}]', "Patient.name[0]"),
        ('"name":[{"family":"\\x"}]', "Patient.name[0].family"),
        ('"multipleBirthInteger":2.', "Patient.multipleBirthInteger"),
        ('"_birthDate":{"extension":[{"url":}]}', "Patient.birthDate.extension[0].url"),
        ('"active":true,"active":false', "Patient"),
        ('"contact":[{"gender":"male"},{"_gender":{"id":"a","id":"b"}}]', "Patient.contact[1].gender"),
        ('"name":[{"family":"Ana"', "Patient.name"),
        ('"a-b":[1,]', "Patient"),
    ],
)
def test_broken_json_is_told_with_its_element(members: str, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(f'{{"resourceType":"Patient",{members}}}'.encode())
    assert caught.value.issues[0].expression == place


@given(RESOURCES, st.integers(25, 300), st.sampled_from([b"", b",", b"}", b"]", b'"', b":", b"x", b"\\", b"\xff"]))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_a_place_is_told_of_any_broken_text(members: dict[str, Any], cut: int, added: bytes) -> None:
    text = encode({"resourceType": "Patient", **members})
    broken = text[:cut] + added + text[cut:]
    for offset in (cut, len(broken) // 2, len(broken)):
        place = place_of(broken, offset)
        assert place == "" or place.startswith("Patient")


def test_the_type_of_broken_json_may_come_later() -> None:
    with pytest.raises(Invalid) as caught:
        decode(b'// a comment\n{"active":true,"resourceType":"Patient"}')
    assert caught.value.issues[0].expression == "Patient"


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,}', b"[1,]", b'{"resourceType":"Patient","a":' + b"[" * 70 + b"x", b'{"resourceType":"Patient","a":[}'],
)
def test_what_is_no_resource_or_nests_too_deep_has_no_place(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        decode(raw)
    assert caught.value.issues[0].expression in ("", "Patient.a", "Patient.a[0]")


@pytest.mark.parametrize("text", ["\\\\u0000", "\\\\b", "\\\\\\\\f", "\\u0009", "\\u000a\\u000D", "\\t\\n\\r"])
def test_escaped_backslashes_and_line_breaks_are_fine(text: str) -> None:
    assert decode(f'"{text}"'.encode()) == json.loads(f'"{text}"')


@pytest.mark.parametrize("raw", [b'"a\x00b"', b'"a\x1fb"', b'"a\nb"', b'"a\tb"'])
def test_raw_control_characters_are_refused(raw: bytes) -> None:
    assert "line 1, column" in refusal(raw)


@pytest.mark.parametrize(
    "raw", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'{"\xe2\x82":1}', b'"abc\xe2\x82"']
)
def test_bad_utf_8_is_refused_with_its_place(raw: bytes) -> None:
    message = refusal(raw)
    assert "UTF-8" in message
    assert "line 1, column" in message


@pytest.mark.parametrize("raw", [b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'"\\ud800\\u0041"', b'{"\\uDBFF":1}'])
def test_half_surrogate_pairs_are_refused(raw: bytes) -> None:
    assert "surrogate" in refusal(raw)


def test_whole_surrogate_pairs_are_read() -> None:
    assert decode(b'"\\ud83d\\ude00"') == "😀"


def test_byte_order_marks_are_refused() -> None:
    assert "byte order mark" in refusal(b'\xef\xbb\xbf{"resourceType":"Patient"}')
    assert "UTF-16" in refusal('{"resourceType":"Patient"}'.encode("utf-16"))


@pytest.mark.parametrize("raw", [b"", b"   ", b"\n"])
def test_an_empty_body_is_named(raw: bytes) -> None:
    assert "empty" in refusal(raw)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"a":1,}', "line 1, column 8"),
        (b'{"a":1,\n "b" 2}', "line 2, column 6"),
        (b'{"a":1', "ends before"),
        (b'{"a":1}}', "trailing characters at line 1"),
        (b"[1,2", "ends before"),
        (b"{'a':1}", "line 1, column 2"),
        (b'{"a":tru}', "line 1"),
        (b"// x\n1", "line 1, column 1"),
    ],
)
def test_broken_json_is_refused_with_line_and_column(raw: bytes, place: str) -> None:
    assert place in refusal(raw)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ('{"[":', "}"), ('["]",', "]"), ('["\\"",[', "]]")],
)
def test_nesting_is_limited_exactly(opening: str, closing: str) -> None:
    most = MAX_DEPTH // len(closing)
    assert decode((opening * most + "1" + closing * most).encode())
    assert f"deeper than {MAX_DEPTH} levels" in refusal((opening * (most + 1) + "1" + closing * (most + 1)).encode())


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_endless_nesting_is_refused(depth: int) -> None:
    assert "deeper" in refusal(b"[" * depth)
    assert "deeper" in refusal(b"[" * depth + b"]" * depth)


def test_endless_nesting_around_another_fault_is_refused() -> None:
    for depth in (100, 900, 990, 2000):
        assert refusal(b"[" * depth + b"1e400" + b"]" * depth)
        assert refusal(b'{"a":' * depth + b'{"b":1,"b":2}' + b"}" * depth)


def test_a_windows_path_is_no_control_character() -> None:
    assert decode(rb'"C:\\backup\\file \u0009\n"') == "C:\\backup\\file \t\n"


def test_many_brackets_that_do_not_nest_are_fine() -> None:
    assert decode(b"[" + b",".join([b"[]"] * 500) + b"]") == [[]] * 500
    assert decode(('"' + "[" * 500 + '"').encode()) == "[" * 500


def test_a_message_never_repeats_much_of_the_input() -> None:
    assert len(refusal(('{"' + "k" * 5000 + '":1,"' + "k" * 5000 + '":2}').encode())) < 300


@given(st.binary(max_size=60))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_random_bytes_are_read_or_refused_never_worse(raw: bytes) -> None:
    try:
        decode(raw)
    except Invalid as error:
        assert str(error)


@given(
    DOCUMENTS.map(encode),
    st.integers(0, 400),
    st.sampled_from([b"", b"\x00", b'"', b"\\", b"{", b"]", b",", b"\xff", b"e", b"\\u"]),
)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_damaged_json_is_read_or_refused_never_worse(raw: bytes, at: int, damage: bytes) -> None:
    try:
        decode(raw[:at] + damage + raw[at + 1 :])
    except Invalid as error:
        assert str(error)


# The stored form


@given(RESOURCES)
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_body_is_cut_and_joined_without_loss(members: dict[str, Any]) -> None:
    members = {k: v for k, v in members.items() if k not in ("id", "meta", "resourceType")}
    resource = {"resourceType": "Basic", "id": "old", **members, "meta": {"versionId": "9", "tag": [{"code": "x"}]}}
    body = join_body("Basic", "b-1", 3, 1_700_000_000_123_456, *split_body(resource))
    assert decode(body) == {
        "resourceType": "Basic",
        "id": "b-1",
        "meta": {"versionId": "3", "lastUpdated": "2023-11-14T22:13:20.123Z", "tag": [{"code": "x"}]},
        **members,
    }


def test_the_smallest_resource_is_cut_into_nothing() -> None:
    assert split_body(
        {"resourceType": "Basic", "id": "1", "meta": {"versionId": "1", "_lastUpdated": {"id": "x"}}}
    ) == (b"", b"")
    assert split_body({"resourceType": "Basic"}) == (b"", b"")
    assert join_body("Basic", "1", 1, 0, b"", b"") == (
        b'{"resourceType":"Basic","id":"1","meta":{"versionId":"1","lastUpdated":"1970-01-01T00:00:00.000Z"}}'
    )


def test_cutting_leaves_the_resource_as_it_was() -> None:
    resource = {"resourceType": "Basic", "id": "1", "meta": {"versionId": "1", "profile": ["p"]}, "language": "de"}
    before = encode(resource)
    meta, rest = split_body(resource)
    assert (meta, rest) == (b',"profile":["p"]', b',"language":"de"')
    assert encode(resource) == before


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (-1, "1969-12-31T23:59:59.999Z"),
        (999_999, "1970-01-01T00:00:00.999Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_instants_have_milliseconds(us: int, text: str) -> None:
    assert decode(join_body("Basic", "1", 1, us, b"", b""))["meta"]["lastUpdated"] == text
