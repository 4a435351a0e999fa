"""type() (http://hl7.org/fhirpath/#reflection)."""

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.types import Field, Type, read_plain
from suture.fhir.fhirpath.values import Items

_NAMES = ("namespace", "name", "baseType")


def _make(name: str) -> Field | None:
    if name not in _NAMES:
        return None
    return Field(name, name, (types.SYSTEM_STRING,), False, read_plain(name, types.SYSTEM_STRING))


def _info(name: str) -> Type:
    supers = frozenset((f"System.{name}", "System.TypeInfo", "System.Any"))
    return Type("System", name, name, types.COMPLEX, supers, _make, _make, _NAMES, primitive=False)


SIMPLE_TYPE_INFO = _info("SimpleTypeInfo")
CLASS_INFO = _info("ClassInfo")


def _type(focus: Items, env: Environment) -> Items:
    return [
        (
            {"namespace": type.namespace, "name": type.name, "baseType": _base(type)},
            SIMPLE_TYPE_INFO if type.namespace == "System" else CLASS_INFO,
            None,
        )
        for _, type, _ in focus
    ]


def _base(type: Type) -> str:
    if type.namespace == "System":
        return "System.Any"
    return f"FHIR.{type.base}" if type.base else "System.Any"


FUNCTIONS = {"type": Function(_type)}
