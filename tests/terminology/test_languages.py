"""Languages of a request and of displays: BCP 47 and the header Accept-Language."""

import pytest

from suture.terminology.languages import accepts, parse, same_language, same_region


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("de", ["de"]),
        ("en;q=0.3, de-CH, fr;q=0.9", ["de-CH", "fr", "en"]),
        (" , ,", None),
        ("de;q=much", ["de"]),
        ("de;q=7,fr", ["de", "fr"]),
    ],
)
def test_languages_are_ordered_by_weight(text: str, tags: list[str] | None) -> None:
    found = parse(text)
    assert (None if found is None else [one.tag for one in found.wanted]) == tags


def test_a_language_serves_its_regions_and_scripts() -> None:
    assert same_region("zh-CN", "zh-Hans-CN")
    assert not same_region("de-CH", "de-AT")
    assert same_language("DE-ch", "de-AT")
    assert not same_language("de", "den")


def test_what_has_no_language_is_always_accepted_and_what_is_refused_never() -> None:
    assert accepts(parse("de"), "")
    assert accepts(None, "fr")
    assert not accepts(parse("de"), "fr")
    assert accepts(parse("de,*;q=0.1"), "fr")
    assert not accepts(parse("de,fr;q=0"), "fr")
    languages = parse("de,*;q=0")
    assert languages is not None
    assert not languages.any_other
