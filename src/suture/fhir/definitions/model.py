"""What Suture keeps of a FHIR definition: plain frozen records, read-only after loading.

Built from StructureDefinition (https://hl7.org/fhir/R4/structuredefinition.html), SearchParameter,
CompartmentDefinition, OperationDefinition and ValueSet resources by `tools/build_definitions.py`.
The records are written as arrays: the order of the fields is the file format, and FORMAT names it.
"""

import msgspec

FORMAT = 2
"""Number of the file format. Raise it with every change of the records below."""


class Constraint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One invariant. `severity`: error | warning. `expression`: FHIRPath, "" where there is none."""

    key: str
    severity: str
    human: str
    expression: str


class ElementType(msgspec.Struct, frozen=True, array_like=True):
    """One permitted type of an element.

    `code`: a type name such as `string` or `Reference`. `profile`: name of a profile in `Definitions.structures`
    that the value must also meet (`SimpleQuantity`), or "". `targets`: for Reference, canonical and
    CodeableReference, the type names that may be referenced (`Resource` means any); a URL where the
    target is a profile that is not a base type.
    """

    code: str
    profile: str
    targets: tuple[str, ...]


class Element(msgspec.Struct, frozen=True, array_like=True):
    """One element of a type, with the elements below it.

    `name`: as in the definition (`value[x]` for a choice). `path`: such as `Patient.contact.name`.
    `max`: None for `*`. `content_reference`: path of the element whose content this one repeats, or "".
    `binding_strength`: required | extensible | preferred | example, or "". `binding_value_set`: its canonical
    URL without version. `maximum_value_set`: codes outside of it are forbidden even where the binding is
    weaker than required (the extension elementdefinition-maxValueSet), or "".
    `constraints`: the invariants defined on this element itself, not those inherited from its type.
    """

    name: str
    path: str
    min: int
    max: int | None
    types: tuple[ElementType, ...]
    content_reference: str
    binding_strength: str
    binding_value_set: str
    maximum_value_set: str
    is_summary: bool
    is_modifier: bool
    constraints: tuple[Constraint, ...]
    children: "tuple[Element, ...]"

    @property
    def is_choice(self) -> bool:
        """Whether the name in an instance carries the type (`value[x]` -> `valueString`)."""
        return self.name.endswith("[x]")

    @property
    def repeats(self) -> bool:
        """Whether the element is an array in JSON."""
        return self.max is None or self.max > 1


class Structure(msgspec.Struct, frozen=True, array_like=True):
    """One type: its name, what it derives from, and the elements directly below its root.

    `kind`: primitive-type | complex-type | resource. `base`: name of the type it specialises, or "".
    `constraints`: invariants on the root that this type adds to those of `base`.
    """

    name: str
    kind: str
    abstract: bool
    url: str
    base: str
    constraints: tuple[Constraint, ...]
    elements: tuple[Element, ...]


class SearchComponent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One part of a composite search parameter. `definition`: URL of the parameter that types it."""

    definition: str
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, array_like=True):
    """One search parameter, for the resource types in `base` (`Resource` means all of them).

    `type`: number | date | string | token | reference | composite | quantity | uri | special.
    `expression`: FHIRPath, "" where the specification gives none. `targets`: type names that a
    reference may lead to; empty where not limited. `comparators`: eq, ne, gt … ; `modifiers`: missing, exact …,
    each empty where the definition does not limit them.
    """

    url: str
    code: str
    type: str
    base: tuple[str, ...]
    expression: str
    targets: tuple[str, ...]
    components: tuple[SearchComponent, ...]
    comparators: tuple[str, ...]
    modifiers: tuple[str, ...]
    multiple_or: bool
    multiple_and: bool
    description: str


class OperationParameter(msgspec.Struct, frozen=True, array_like=True):
    """One parameter of an operation. `use`: in | out. `max`: None for `*`. `type`: "" when it has `parts`."""

    name: str
    use: str
    min: int
    max: int | None
    type: str
    search_type: str
    targets: tuple[str, ...]
    parts: "tuple[OperationParameter, ...]"


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """One OperationDefinition of the specification. `code`: the name after `$`."""

    id: str
    url: str
    code: str
    title: str
    kind: str
    affects_state: bool
    resources: tuple[str, ...]
    system: bool
    type: bool
    instance: bool
    parameters: tuple[OperationParameter, ...]


class DefinitionsFile(msgspec.Struct, frozen=True, array_like=True):
    """One `data/<version>.json.zst`: everything the server knows of one FHIR version.

    `value_sets`: canonical URL without version -> code system -> codes, for the required bindings that can be
    listed. `open_value_sets`: the same for those that hold systems known by rules only (`suture.fhir.open_codes`),
    which have no codes here. `unexpanded`: canonical URL -> why it is in neither.
    """

    format: int
    version: str
    number: str
    structures: tuple[Structure, ...]
    search_parameters: tuple[SearchParameter, ...]
    compartments: dict[str, dict[str, tuple[str, ...]]]
    operations: tuple[Operation, ...]
    value_sets: dict[str, dict[str, frozenset[str]]]
    open_value_sets: dict[str, dict[str, frozenset[str]]]
    unexpanded: dict[str, str]
