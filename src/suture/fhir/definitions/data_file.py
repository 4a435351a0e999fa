"""The packaged files in `data/`, which `tools/build_definitions.py` builds and which ship inside the wheel."""

from importlib.resources import files
from typing import Protocol, TypeVar

import msgspec
import zstandard


class DefinitionsMissing(RuntimeError):
    """The packaged definitions are absent or of another build. The message says how to get them."""


class _Numbered(Protocol):
    @property
    def format(self) -> int: ...


_File = TypeVar("_File", bound=_Numbered)


def read_data(name: str, type: type[_File], format: int) -> _File:
    """The packaged file of this name. `format`: the number of the format that it must have.

    Raises DefinitionsMissing when it is absent or was built for another release of Suture.
    """
    try:
        packed = files("suture.fhir.definitions").joinpath("data", name).read_bytes()
    except FileNotFoundError:
        raise DefinitionsMissing(
            f"The definitions file {name} is not there. Run `make setup`, or `python tools/build_definitions.py`."
        ) from None
    try:
        content = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed), type=type)
    except msgspec.ValidationError as error:
        raise _other_build(name) from error
    if content.format != format:
        raise _other_build(name)
    return content


def _other_build(name: str) -> DefinitionsMissing:
    return DefinitionsMissing(
        f"The definitions file {name} is of another release of Suture. Run `python tools/build_definitions.py` again."
    )
