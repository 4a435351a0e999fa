"""Constraints made by chance, over editions made by chance, select what the plainest reading of the specification says.

Constraints and answers come from `plain_constraints`; a seed that fails fails again.
"""

from pathlib import Path

import pytest

from tests.terminology.content.loaded import add, codes, content, system
from tests.terminology.content.plain_constraints import Maker
from tests.terminology.content.random_edition import Edition

pytestmark = pytest.mark.anyio

CONSTRAINTS = 250


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_constraints_select_what_the_plainest_reading_does(tmp_path: Path, seed: int) -> None:
    edition = Edition(tmp_path / "edition", seed)
    maker = Maker(edition, seed)
    url = f"sqlite:///{tmp_path / 'edition.db'}"
    await add(url, tmp_path / "edition")
    async with content(url) as everything:
        snomed = await system(everything, "http://snomed.info/sct")
        for _ in range(CONSTRAINTS):
            made = maker.constraint()
            found = set(await codes(snomed, await snomed.filter("constraint", "=", made.text)))
            assert found == made.codes, made.text
