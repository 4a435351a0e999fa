"""Modules that are imported when they are first used, so that a command and a start pay only for what they need.

Python 3.15 will say it as `lazy import` (PEP 810); until then it is said in two ways at once, so that readers, the type
checker and the check of the import directions see an ordinary import:

    if TYPE_CHECKING:
        from suture.fhir import xml
    else:
        xml = deferred("suture.fhir.xml")

The one thing to know: only modules can be deferred, not names in them. What is used later is written `xml.read`, and a
type in an annotation stands in quotes. An error in a deferred module shows at its first use.
"""

from collections import deque
from importlib import import_module
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands for a module. What is asked of it is kept here, so that only the first look at a name costs anything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(import_module(self.__name__), name)
        setattr(self, name, value)
        return value


_waiting: deque[str] = deque()


def deferred(name: str) -> ModuleType:
    """The module `name`, imported when something of it is first used, in whatever thread that is."""
    _waiting.append(name)
    return _Deferred(name)


def import_next() -> bool:
    """Import one of the deferred modules, if it is not there yet; False when none is left.

    For a server that has answered its first requests and has nothing better to do.
    """
    if not _waiting:
        return False
    import_module(_waiting.popleft())
    return True
