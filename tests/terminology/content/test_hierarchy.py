"""Hierarchies as arrays: numbering, walks, descendants, and the bytes that they are kept as."""

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from suture.terminology.content import hierarchy as module
from suture.terminology.content.hierarchy import CircularError, Hierarchy, ordered


def build(size: int, edges: list[tuple[int, int]]) -> tuple[Hierarchy, "array[int]"]:
    above, below = array("I", [edge[0] for edge in edges]), array("I", [edge[1] for edge in edges])
    numbers = ordered(size, above, below)
    renamed = array("I", [numbers[end] for end in above]), array("I", [numbers[end] for end in below])
    return Hierarchy(size, *renamed), numbers


def test_a_tree_is_numbered_in_its_order() -> None:
    hierarchy, numbers = build(6, [(0, 1), (0, 4), (1, 2), (1, 3), (4, 5)])
    assert list(numbers) == [0, 1, 2, 3, 4, 5]
    assert list(hierarchy.children(0)) == [1, 4]
    assert list(hierarchy.parents(5)) == [4]
    assert hierarchy.roots() == [0]
    assert hierarchy.is_above(0, 5)
    assert not hierarchy.is_above(1, 5)


def test_a_circle_is_refused() -> None:
    with pytest.raises(CircularError):
        build(3, [(0, 1), (1, 2), (2, 1)])


@given(st.integers(0, 10_000))
def test_walks_agree_with_the_definition(seed: int) -> None:
    chance = random.Random(seed)
    size = chance.randint(1, 40)
    names = chance.sample(range(size), size)  # an order against which edges run downward only
    pairs = {tuple(sorted(chance.choices(range(size), k=2))) for _ in range(2 * size)}
    edges = [(names[a], names[b]) for a, b in pairs if a != b]
    hierarchy, numbers = build(size, edges)
    below: dict[int, set[int]] = {place: set() for place in range(size)}
    for place in reversed(names):
        for upper, lower in edges:
            if upper == place:
                below[place] |= {lower} | below[lower]
    module_many, module.MANY = module.MANY, 3
    try:
        large = hierarchy.large_sets()
        again = Hierarchy.unpacked(hierarchy.packed())
    finally:
        module.MANY = module_many
    for place in range(size):
        number = numbers[place]
        wanted = BitMap(numbers[each] for each in below[place])
        assert hierarchy.few_descendants(number) == again.few_descendants(number) == wanted
        assert large.get(number, wanted) == wanted
        assert (number in again.large) == (len(wanted) >= 3)
        for other in range(size):
            assert hierarchy.is_above(number, numbers[other]) == (other in below[place])
            assert (number in hierarchy.ancestors(numbers[other])) == (other in below[place])
