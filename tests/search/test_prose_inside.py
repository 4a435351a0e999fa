"""The words of contained resources: cut into pieces that an index can hold, without losing phrases at the cuts."""

import random

from suture.search.contained import inner_type
from suture.search.prose_inside import MAX_LETTERS, OVERLAP, PIECE, prose_rows_inside
from suture.store.keys import Keys

KEYS = Keys(b"k" * 32)


def pieces(text: str) -> list[str]:
    """The pieces of the content of a contained resource with this text."""
    h = KEYS.parameter(inner_type("Basic"), "_content")
    resource = {"resourceType": "Basic", "code": {"text": text}}
    return [norm for row, norm, _ in prose_rows_inside(KEYS, inner_type("Basic"), resource) if row == h]


def test_every_phrase_of_moderate_length_lies_in_one_piece() -> None:
    choose = random.Random(5)
    for _ in range(40):
        words = ["".join(choose.choices("abcdeé", k=choose.randint(1, 64))) for _ in range(choose.randint(1, 150))]
        folded = " ".join(words).replace("é", "e")[:MAX_LETTERS].split()[:-1]
        found = pieces(" ".join(words))
        assert all(len(piece) <= PIECE + 2 for piece in found)
        for at in range(len(folded)):
            phrase = folded[at]
            for word in folded[at + 1 :]:
                if len(phrase) + 1 + len(word) >= OVERLAP:
                    break
                phrase += f" {word}"
            assert any(f" {phrase} " in piece for piece in found), phrase


def test_a_long_text_is_cut_at_a_word() -> None:
    found = pieces("word " * MAX_LETTERS)
    assert found[-1].endswith(" word ")
    assert sum(map(len, found)) < 2 * MAX_LETTERS
    assert pieces("") == []
