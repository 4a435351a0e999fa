"""What a search must know of one search parameter of one resource type.

The one thing to know: index rows are found by `rows`, never by `code`.
"""

import msgspec


class Composed(msgspec.Struct, frozen=True):
    """One way to find the values of a composite parameter. Where a parameter has several, any of them may match.

    - `rows`: "" when the parts lie in the resource itself and each is found by the rows of its own parameter; else
      the name under which composite rows are stored (see suture.search.extraction.composed for their hashes).
    - `parts`: the components in the order of a query. Where no parameter of the type has the values of a component,
      its code is an invented one; its `rows` and `type` tell all the same how its values are hashed.
    - `others`: (rows, place) of values that parts would find although the component does not mean them. A resource
      with such a value has none that is meant.
    """

    rows: str
    parts: "tuple[Parameter, ...]"
    others: tuple[tuple[str, str], ...] = ()


class Parameter(msgspec.Struct, frozen=True):
    """One search parameter of one resource type.

    - `resource_type`, `code`: where it is used; `type`: number | date | string | token | reference |
      composite | quantity | uri | special. `url`, `expression`: of its definition.
    - `rows`: the codes under which its index rows are stored, usually one. It differs from `code` when the parameter
      shares the rows of another one (`patient` of Observation uses the rows of `subject`), and names several when
      the parameter is the union of others (`combo-code`). Always hash with `rows`, and ask for all of them:
      `keys.token(p.resource_type, rows, form)`, `keys.parameter(p.resource_type, rows)`. () for composite parameters.
    - `targets`: resource types that a reference may point to, sorted; for a parameter that shares rows,
      only those that it means (`("Patient",)` for `patient`), and a query must restrict itself to them.
    - `bit`: position in `present`, its own even when rows are shared; -1 when there is no index
      (special and composite parameters, and those with a `column`).
    - `column`: column of `res` that holds the value instead of index rows: "id" (`_id`), "upd" (`_lastUpdated`), or "".
    - `sdate`: True when the parameter is the type's primary clinical date.
    - `implied_systems`: code systems that elements of datatype `code` have by their binding. Those elements have
      only a `token_code` row, so `system|code` with one of these systems asks for `token_code(code)` as well.
    - `bare`: values may come without any system (string, boolean, uri, ContactPoint, id): they too have only a
      `token_code` row, so `|code` asks for `token_code(code)` as well.
    - `coded`: values may be Codings, whose rows are found through the table `forms`.
    - `direct`: values may be codes without a system of their own, booleans, contact points or identifiers, whose
      rows are hashes of their forms. A parameter can be both coded and direct.
    - `embedded`: values may be whole resources (`Bundle.composition`): their rows are tokens of `type/id`, never of
      the table `ref`.
    - `identified`: values may be Identifiers (`:of-type`).
    - `unique`: values may be Identifiers or contact points, of which there are as many as resources.
    - `paired`: each coding has a row `Keys.pair(f, t)` as well, t = the hash of the patient that owns the resource.
    - `composed`: how a composite parameter is found; () for all others.
    - `custom`: it comes from a SearchParameter resource of this server. Its bit is beyond those of `present`: its
      presence is a token row of the form PRESENT under its `rows`.
    - `pending`: its index rows are not complete, so it cannot be searched yet.
    - `owner`: the resource belongs to exactly the patient that this parameter names, so a value `Patient/x` implies
      `ck = keys.resource("Patient", "x")`.
    - `canonical`: the reference parameter has canonical or uri values (forms of `canonical_forms`).
    - `supported`: False when the definition is known but cannot be searched.
    """

    resource_type: str
    code: str
    type: str
    url: str
    expression: str
    rows: tuple[str, ...]
    targets: tuple[str, ...] = ()
    bit: int = -1
    column: str = ""
    sdate: bool = False
    implied_systems: tuple[str, ...] = ()
    bare: bool = False
    canonical: bool = False
    owner: bool = False
    coded: bool = False
    direct: bool = False
    embedded: bool = False
    identified: bool = False
    unique: bool = False
    paired: bool = False
    composed: tuple[Composed, ...] = ()
    custom: bool = False
    pending: bool = False
    supported: bool = True
    comparators: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    multiple_or: bool = True
    multiple_and: bool = True
