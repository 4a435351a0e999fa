"""UCUM units in base units: https://ucum.org/ucum."""

import string
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.definitions import load
from suture.fhir.ucum import MAX_LENGTH, Canonical, canonical, is_unit
from suture.fhir.ucum_atoms import ATOMS, PREFIXES
from suture.fhir.versions import Version


def measured(value: str, code: str) -> tuple[str, Fraction]:
    unit = canonical(code)
    assert unit is not None, code
    return unit.dimension, Fraction(value) * unit.factor + unit.offset


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.4 g", "5400 mg"),
        ("5.4 g", "0.0054 kg"),
        ("90 mg/dL", "0.9 g/L"),
        ("37 Cel", "98.6 [degF]"),
        ("37 Cel", "310.15 K"),
        ("80 [degRe]", "100 Cel"),
        ("671.67 [degR]", "212 [degF]"),
        ("7.2 10*3/uL", "7.2 10*9/L"),
        ("7.2 10*3/uL", "7200 /uL"),
        ("7200 {cells}/uL", "7.2 10^9/L"),
        ("120 mm[Hg]", "15.99864 kPa"),
        ("1 [lb_av]", "0.45359237 kg"),
        ("1 [stone_av]", "14 [lb_av]"),
        ("50 %", "0.5 1"),
        ("1 [ppth]", "0.1 %"),
        ("1 g%", "10 g/L"),
        ("5 mmol/L", "5000 umol/L"),
        ("1 meq/L", "1 mmol/L"),
        ("60 U/L", "1 ukat/L"),
        ("3 [iU]/mL", "3000 [IU]/L"),
        ("3 m[IU]/mL", "3 [IU]/L"),
        ("60 /min", "1 Hz"),
        ("1 L", "1 l"),
        ("1 L", "1 dm3"),
        ("1 mL", "1 cm3"),
        ("72 [in_i]", "6 [ft_i]"),
        ("1 [in_us]", "0.0254000508 m"),
        ("90 mL/min/{1.73_m2}", "1.5 mL/s"),
        ("1 a", "365.25 d"),
        ("2 wk", "14 d"),
        ("1 kg.m/s2", "1 N"),
        ("1 m/s/s", "1 m.s-2"),
        ("1 m/(s.s)", "1 m/s2"),
        ("1 /(/s)", "1 s"),
        ("20 dB", "2 B"),
        ("1 [Cal]", "1 kcal"),
        ("1 [wood'U]", "1 mm[Hg].min/L"),
        ("100 [psi]", "6.894757 bar"),
    ],
)
def test_quantities_that_are_the_same(one: str, other: str) -> None:
    (here, left), (there, right) = measured(*one.split()), measured(*other.split())
    assert here == there
    assert abs(left / right - 1) < Fraction(1, 10**6)


def test_common_conversions_are_exact() -> None:
    assert measured("5.4", "g") == measured("5400", "mg")
    assert measured("98.6", "[degF]") == measured("37", "Cel") == measured("310.15", "K")
    assert measured("7.2", "10*3/uL") == measured("7.2", "10*9/L")
    assert measured("1", "[lb_av]") == measured("0.45359237", "kg")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g", "L"),
        ("mg/dL", "mmol/L"),
        ("mmol/L", "10*9/L"),
        ("U/L", "Hz/L"),
        ("U", "[iU]"),
        ("[iU]", "[arb'U]"),
        ("[pH]", "1"),
        ("B", "Np"),
        ("B[V]", "V"),
        ("m", "m2"),
        ("K", "1"),
        ("deg", "Cel"),
    ],
)
def test_quantities_that_do_not_compare(one: str, other: str) -> None:
    here, there = canonical(one), canonical(other)
    assert here is not None and there is not None
    assert here.dimension != there.dimension


def test_a_dimension_is_itself_a_unit_of_that_dimension() -> None:
    assert canonical("mg/dL") == Canonical("g.m-3", Fraction(10), Fraction(0))
    for code in ATOMS:
        unit = canonical(code)
        assert unit is not None, code
        assert canonical(unit.dimension) == Canonical(unit.dimension, Fraction(1), Fraction(0))


@pytest.mark.parametrize("code", ["{score}", "1", "{}", "{a}.{b}"])
def test_an_annotation_alone_is_the_number_one(code: str) -> None:
    assert canonical(code) == Canonical("1", Fraction(1), Fraction(0))


def test_an_annotation_may_follow_a_parenthesis_as_in_the_examples_of_ucum() -> None:
    assert canonical("g/(8.h){shift}") == canonical("g/(8.h)") is not None
    assert is_unit("U/(10.g){feces}") and not is_unit("U/(10.g){feces}m")


@pytest.mark.parametrize("code", ["Cel/min", "Cel2", "/Cel", "Cel.Cel", "[degF].m", "Cel/K", "0", "/0", "10*99.10*99"])
def test_units_that_nothing_converts(code: str) -> None:
    assert is_unit(code)
    assert canonical(code) is None


@pytest.mark.parametrize(
    "code", ["", "mcg", "Kg", "mmHg", "mg/dl/", "10^", "k10*", "k[pi]", "m^2", "° C", "cc", "5.4 g"]
)
def test_what_is_no_unit_has_no_measure(code: str) -> None:
    assert (canonical(code) is not None) == (code == "10^")


def test_an_atom_goes_before_a_prefix_and_a_shorter_atom() -> None:
    assert measured("1", "cd") == ("cd", Fraction(1))  # candela, not centidays
    assert measured("1", "Pa") != measured("1", "m")
    assert measured("1", "min") == ("s", Fraction(60))
    assert measured("1", "dag") == ("g", Fraction(10))
    assert measured("1", "Gal") == ("m.s-2", Fraction(1, 100))  # galileo, not gigalitres
    assert measured("1", "KiBy") == ("1", Fraction(8192))


def test_every_metric_atom_takes_every_prefix_and_the_others_none() -> None:
    for code, atom in ATOMS.items():
        for prefix in PREFIXES:
            if prefix + code not in ATOMS:
                assert is_unit(prefix + code) == atom.metric, prefix + code


@pytest.mark.parametrize("version", Version)
def test_the_units_of_the_specification_are_known(version: Version) -> None:
    value_sets = ("ucum-bodylength", "ucum-bodytemp", "ucum-bodyweight", "ucum-vitals-common", "units-of-time")
    for name in value_sets:
        codes = load(version).value_set_codes(f"http://hl7.org/fhir/ValueSet/{name}") or {}
        for code in codes.get("http://unitsofmeasure.org", ()):
            assert canonical(code) is not None, code


@given(
    st.one_of(
        st.text(max_size=MAX_LENGTH + 10),
        st.text(alphabet="mgsKCel10*^[]{}().//-+²" + string.digits, max_size=60),
        st.lists(st.sampled_from([*ATOMS, "/", ".", "10*", "-9", "99", "(", ")", "{x}"]), max_size=30).map("".join),
    )
)
@settings(max_examples=400, derandomize=True, deadline=None)
def test_no_text_breaks_a_conversion(code: str) -> None:
    unit = canonical(code)
    if unit is not None:
        assert is_unit(code)
        assert Fraction(1, 10**150) <= unit.factor <= 10**150


@pytest.mark.parametrize(
    "code",
    [
        "9" * MAX_LENGTH,
        "[pi]99." * 28,
        "Ym99." * 39 + "m",
        "(" * 100 + "m" + ")" * 100,
        "m/" * 99 + "m",
        "10*" + "9" * 190,
        "m" + "9" * 190,
        "1" * 60_000,
        "m." * 1_000_000,
    ],
)
def test_a_hostile_unit_is_judged_quickly(code: str) -> None:
    started = time.perf_counter()
    canonical(code)
    is_unit(code)
    assert time.perf_counter() - started < 0.1
