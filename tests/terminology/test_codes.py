"""The algebra of code sets."""

from hypothesis import given, settings
from hypothesis import strategies as st

from suture.terminology.codes import EVERY, NONE, Codes, difference, intersection, union

CODES = st.builds(Codes, st.frozensets(st.sampled_from("abcd")), st.booleans())


@given(CODES, CODES, st.sampled_from("abcdz"))
@settings(derandomize=True, deadline=None)
def test_a_code_is_in_a_combination_exactly_as_in_its_parts(one: Codes, other: Codes, code: str) -> None:
    assert (code in (one | other)) == (code in one or code in other)
    assert (code in (one & other)) == (code in one and code in other)
    assert (code in (one - other)) == (code in one and code not in other)
    assert (code in ~one) == (code not in one)


def test_nothing_and_everything() -> None:
    assert not NONE
    assert EVERY
    assert "x" in EVERY
    assert Codes(frozenset("a")) - EVERY == NONE
    assert EVERY - NONE == EVERY


def test_value_sets_combine_system_by_system() -> None:
    a, ab, every = Codes(frozenset("a")), Codes(frozenset("ab")), EVERY
    assert union([{"x": a}, {"y": a}, {"x": ab}]) == {"x": ab, "y": a}
    assert intersection([{"x": ab, "y": every}, {"y": a}]) == {"y": a}
    assert difference({"x": ab, "y": a}, {"x": a, "y": every}) == {"x": Codes(frozenset("b"))}
