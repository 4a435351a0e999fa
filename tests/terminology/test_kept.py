"""A cache of bounded weight."""

from suture.terminology.kept import Kept


def test_the_least_recently_used_goes_first() -> None:
    kept: Kept[str, int] = Kept(3)
    for name in "abc":
        kept.keep(name, ord(name), 1)
    assert kept.get("a") == ord("a")
    kept.keep("d", 4, 1)
    assert kept.get("b") is None
    assert kept.get("a") == ord("a")


def test_heavy_values_displace_others_or_are_not_kept() -> None:
    kept: Kept[str, int] = Kept(3)
    kept.keep("a", 1, 2)
    kept.keep("b", 2, 2)
    assert kept.get("a") is None
    kept.keep("b", 3, 3)
    assert kept.get("b") == 3
    kept.keep("c", 4, 4)
    assert kept.get("c") is None
    assert kept.get("b") == 3
