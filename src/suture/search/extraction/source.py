"""The Python source of an extractor: one function per resource type that walks the tree of its routes.

The one thing to know: nothing from definitions is ever part of the source. Member names, literals, hashes
and functions are constants `c0`, `c1` …, reached by the generated function as globals; the text itself is made of
the fixed phrases below and of counted names, so no definition, however hostile, can become code.
"""

from collections.abc import Callable
from typing import Any

from suture.fhir.dates import EARLIEST, LATEST, bounds
from suture.search.extraction import coded, measures, sites
from suture.search.extraction.cache import HashCache
from suture.search.extraction.clinical_dates import REACH
from suture.search.extraction.composed import ElementSite
from suture.search.extraction.datatypes import Form
from suture.search.extraction.phrases import Phrases
from suture.search.extraction.sites import Site, Use
from suture.search.extraction.steps import Child, Compute, First, Step, Where
from suture.search.extraction.tree import Branch
from suture.search.values import (
    FAR_SUFFIX,
    IDENTIFIER_SUFFIX,
    KIND_SUFFIX,
    NEAR_LATITUDE,
    NEAR_LONGITUDE,
    canonical_forms,
    string_row,
    uri_form,
)
from suture.store.keys import Keys
from suture.store.rows import NO_DATE, IndexRows

Extractor = Callable[[dict[str, Any]], IndexRows]

_TABLES = ("tok", "text", "qty", "dat", "ref")
_LISTS = (*_TABLES, "words", "paired")


class Source(Phrases):
    """Writes the extractor of one resource type. `text` and `constants` are the outcome."""

    def __init__(self, type: str, tree: Branch, keys: Keys, cache: HashCache) -> None:
        super().__init__()
        self._type = type
        self._keys = keys
        self._cache = cache
        self._ranks: set[int] = set()
        self._dated = False
        self._resolves = False
        self._firsts: dict[str, str] = {}
        self._branch(tree, "resource", 1)
        self.text = "\n".join([*self._head(), *self._lines, *self._tail()]) + "\n"

    def function(self) -> Extractor:
        """Compile the source. The function has no built-in names but those that the source uses."""
        space: dict[str, Any] = {"__builtins__": {}}
        space.update(set=set, tuple=tuple, float=float, len=len, **self.constants)
        exec(compile(self.text, "<search values>", "exec"), space)  # noqa: S102  only constants come from outside
        return space["extract"]

    # --- what stands around the walk

    def _head(self) -> list[str]:
        cache = self._constant(self._cache, "cache")
        lines = ["def extract(resource):", f"    get = {cache}.young.get", "    present = 0"]
        lines += [f"    {table} = []" for table in _LISTS if table in self._used]
        lines += [f"    owner{rank} = None" for rank in sorted(self._ranks)]
        lines += [f"    inside = {self._constant(sites.contained_types, 'types')}(resource)"] * self._resolves
        if self._dated:
            lines += [f"    sdate = {self._constant(LATEST)}", f"    reach = {self._constant(EARLIEST)}"]
        return lines

    def _tail(self) -> list[str]:
        lines: list[str] = []
        ranks = sorted(self._ranks)
        if "paired" in self._used:
            code, pair = self._name("f"), self._constant(self._keys.pair, "pair")
            lines += ["    if owner0 is not None:", f"        for {code} in paired:"]
            lines.append(f"            tok.append({pair}({code}, owner0))")
        for rank in ranks[1:]:
            lines += [f"    if owner{ranks[0]} is None:", f"        owner{ranks[0]} = owner{rank}"]
        if self._dated:
            far = self._keys.token(self._type, FAR_SUFFIX, "")
            lines += [f"    if reach - sdate > {self._constant(REACH)}:", f"        tok.append({self._constant(far)})"]
        owner = f"owner{ranks[0]}" if ranks else "None"
        no_date = self._constant(NO_DATE)
        sdate = f"sdate if sdate != {self._constant(LATEST)} else {no_date}" if self._dated else no_date
        columns = [
            f"tuple(set({table}) if len({table}) > 1 else {table})" if table in self._used else "()"
            for table in _TABLES
        ]
        columns.append("tuple(words)" if "words" in self._used else "()")
        rows = self._constant(IndexRows, "IndexRows")
        lines.append(f"    return {rows}({owner}, {sdate}, present, {', '.join(columns)})")
        return lines

    # --- the walk

    def _branch(self, branch: Branch, value: str, depth: int) -> None:
        if branch.mask:
            self._write(depth, f"present |= {self._constant(branch.mask)}")
        for rows, place in branch.marks:
            token = self._keys.token(self._type, rows + KIND_SUFFIX, place)
            self._add(depth, "tok", self._constant((token,)))
        for form, uses in branch.leaves.items():
            self._leaf(form, tuple(uses), value, depth)
        for element in branch.elements:
            site = ElementSite(self._type, element, self._keys, self._cache)
            self._used.update((site.table, "words"))
            self._write(depth, f"{self._constant(site, 'site')}({value}, resource, {site.table}, words)")
        for step, child in branch.children.values():
            self._step(step, child, value, depth)

    def _step(self, step: Step, child: Branch, value: str, depth: int) -> None:
        match step:
            case Child(name=name, repeats=False):
                found = self._name("v")
                self._write(depth, f"{found} = {value}.get({self._constant(name)})")
                self._write(depth, f"if {found} is not None:")
                self._branch(child, found, depth + 1)
            case Child(name=name, repeats=True, index=None):
                items, item = self._name("v"), self._name("v")
                self._write(depth, f"{items} = {value}.get({self._constant(name)})")
                self._write(depth, f"if {items}:")
                self._write(depth + 1, f"for {item} in {items}:")
                self._write(depth + 2, f"if {item} is not None:")
                self._branch(child, item, depth + 3)
            case Child(name=name, index=index):
                items = self._name("v")
                at = self._constant(index)
                self._write(depth, f"{items} = {value}.get({self._constant(name)})")
                self._write(depth, f"if {items} and len({items}) > {at} and {items}[{at}] is not None:")
                item = self._name("v")
                self._write(depth + 1, f"{item} = {items}[{at}]")
                self._branch(child, item, depth + 1)
            case Where(equals=(member, text)):
                self._write(depth, f"if {value}.get({self._constant(member)}) == {self._constant(text)}:")
                self._branch(child, value, depth + 1)
            case Where(test=test):
                self._write(depth, f"if {self._constant(test, 'test')}({value}) is True:")
                self._branch(child, value, depth + 1)
            case Compute(test=test):
                found = self._name("v")
                self._write(depth, f"{found} = {self._constant(test, 'test')}({value})")
                self._write(depth, f"if {found} is not None:")
                self._branch(child, found, depth + 1)
            case First(text=text, ends=False):
                done = self._firsts[text] = self._name("done")
                self._write(depth, f"{done} = False")
                self._branch(child, value, depth)
            case First(text=text):
                self._write(depth, f"if not {self._firsts[text]}:")
                self._write(depth + 1, f"{self._firsts[text]} = True")
                self._branch(child, value, depth + 1)

    # --- the values

    def _leaf(self, form: Form, uses: tuple[Use, ...], value: str, depth: int) -> None:
        match form:
            case "coding":
                self._coding(self._site(coded.CodingSite, uses), uses, value, depth)
            case "concept":
                self._concept(uses, value, depth)
            case "identifier":
                site = self._site(coded.IdentifierSite, uses)
                self._tokens(f"{self._constant(site.identifier, 'site')}({value})", depth)
            case "contact":
                site = self._site(coded.CodeSite, uses)
                self._tokens(f"{self._constant(site.contact, 'site')}({value})", depth)
            case "code":
                self._code(uses, value, depth)
            case "amount-code":
                self._code(uses, f"{self._constant(str, 'text')}({value})", depth)
            case "boolean":
                site = self._site(coded.CodeSite, uses)
                yes, no = (self._constant(site.found(word), "found") for word in ("true", "false"))
                self._tokens(f"{yes} if {value} else {no}", depth)
            case "text":
                norm, raw = self._name("t"), self._name("t")
                self._write(depth, f"{norm}, {raw} = {self._constant(string_row, 'string_row')}({value})")
                self._rows(uses, depth, "text", f"{norm}, {raw}")
            case "uri" | "canonical-uri":
                self._uri(uses, value, depth, versions=form == "canonical-uri")
            case "date":
                lo, hi = self._name("d"), self._name("d")
                self._write(depth, f"{lo}, {hi} = {self._constant(bounds, 'bounds')}({value})")
                self._rows(uses, depth, "dat", f"{lo}, {hi}")
                self._clinical(uses, lo, hi, depth)
            case "period" | "timing":
                self._span(measures.period if form == "period" else measures.timing, uses, value, depth)
            case "number":
                number = self._name("n")
                self._write(depth, f"{number} = float({value})")
                self._rows(uses, depth, "qty", f"{number}, {number}")
            case "range":
                lo, hi = self._amount(measures.quantity_range, value, depth)
                self._rows(uses, depth + 1, "qty", f"{lo}, {hi}")
            case "quantity" | "money" | "quantity-range" | "sampled":
                self._measure(form, uses, value, depth)
            case "reference":
                self._reference(uses, value, depth)
            case "canonical-reference" | "uri-reference":
                site = self._reference_site(uses, canonical=form == "canonical-reference")
                self._reach(site, f"({self._constant(site.number)}, {value})", uses, depth)
                self._uri(uses, value, depth, versions=False)  # for sorting
            case "resource":
                site = self._site(sites.ResourceSite, uses)
                self._reach_of(f"{self._constant(site.of, 'site')}({value})", uses, depth)
            case "position":
                self._position(value, depth)

    def _coding(self, site: coded.CodingSite, uses: tuple[Use, ...], value: str, depth: int) -> str:
        """Add a Coding; the answer is the name that holds its display."""
        system, code, display = (self._constant(name) for name in ("system", "code", "display"))
        key, shown, tok, words, paired = (self._name(prefix) for prefix in "kvrrr")
        self._write(depth, f"{shown} = {value}.get({display})")
        self._write(
            depth, f"{key} = ({self._constant(site.number)}, {value}.get({system}), {value}.get({code}), {shown})"
        )
        self._write(depth, f"{tok}, {words}, {paired} = get({key}) or {self._constant(site, 'site')}({key})")
        self._add(depth, "tok", tok)
        self._add(depth, "words", words)
        if any(use.paired for use in uses):
            self._add(depth, "paired", paired)
        return shown

    def _concept(self, uses: tuple[Use, ...], value: str, depth: int) -> None:
        site = self._site(coded.CodingSite, uses)
        text, codings, coding = self._name("v"), self._name("v"), self._name("v")
        self._write(depth, f"{text} = {value}.get({self._constant('text')})")
        self._write(depth, f"{codings} = {value}.get({self._constant('coding')})")
        self._write(depth, f"if {codings}:")
        self._write(depth + 1, f"for {coding} in {codings}:")
        self._write(depth + 2, f"if {coding} is not None:")
        shown = self._coding(site, uses, coding, depth + 3)
        self._write(depth + 3, f"if {text} == {shown}:")
        self._write(depth + 4, f"{text} = None")
        self._write(depth, f"if {text} is not None:")
        self._tokens(f"{self._constant(site.text, 'site')}({text}, {value})", depth + 1)

    def _code(self, uses: tuple[Use, ...], value: str, depth: int) -> None:
        site = self._site(coded.CodeSite, uses)
        key = self._name("k")
        self._write(depth, f"{key} = ({self._constant(site.number)}, {value})")
        self._tokens(f"get({key}) or {self._constant(site, 'site')}({key})", depth)

    def _tokens(self, found: str, depth: int) -> None:
        """Add the rows and words that the expression `found` gives."""
        tok, words = self._name("r"), self._name("r")
        self._write(depth, f"{tok}, {words} = {found}")
        self._add(depth, "tok", tok)
        self._add(depth, "words", words)

    def _uri(self, uses: tuple[Use, ...], value: str, depth: int, *, versions: bool) -> None:
        form = self._constant(uri_form, "uri_form")
        if not versions:
            self._rows(uses, depth, "text", f'{form}({value}), ""')
            return
        uri = self._name("t")
        self._write(depth, f"for {uri} in {self._constant(canonical_forms, 'canonical_forms')}({value}):")
        self._rows(uses, depth + 1, "text", f'{form}({uri}), ""')

    def _span(self, measure: Callable[..., Any], uses: tuple[Use, ...], value: str, depth: int) -> None:
        span = self._name("s")
        self._write(depth, f"{span} = {self._constant(measure, 'span')}({value})")
        self._write(depth, f"if {span} is not None:")
        self._rows(uses, depth + 1, "dat", f"*{span}")
        if any(use.sdate for use in uses):
            date, reach = self._name("d"), self._name("d")
            self._write(depth + 1, f"{date}, {reach} = {self._constant(measures.clinical, 'clinical')}({span})")
            self._clinical(uses, date, reach, depth + 1)

    def _clinical(self, uses: tuple[Use, ...], date: str, reach: str, depth: int) -> None:
        if any(use.sdate for use in uses):
            self._dated = True
            self._used.add("tok")
            self._write(depth, f"if {date} < sdate:")
            self._write(depth + 1, f"sdate = {date}")
            self._write(depth, f"if {reach} > reach:")
            self._write(depth + 1, f"reach = {reach}")

    def _amount(self, measure: Callable[..., Any], value: str, depth: int) -> tuple[str, str]:
        amount, lo, hi = self._name("n"), self._name("n"), self._name("n")
        self._write(depth, f"{amount} = {self._constant(measure, 'amount')}({value})")
        self._write(depth, f"if {amount} is not None:")
        self._write(depth + 1, f"{lo}, {hi} = {amount}")
        return lo, hi

    def _exact_amount(self, value: str, depth: int) -> tuple[str, str]:
        """As `_amount` of a quantity, without the call for the usual one that has no comparator."""
        number, lo, hi = self._name("n"), self._name("n"), self._name("n")
        self._write(depth, f"{number} = {value}.get({self._constant('value')})")
        self._write(depth, f"if {number} is not None:")
        self._write(depth + 1, f"if {self._constant('comparator')} in {value}:")
        self._write(depth + 2, f"{lo}, {hi} = {self._constant(measures.quantity, 'amount')}({value})")
        self._write(depth + 1, "else:")
        self._write(depth + 2, f"{lo} = {hi} = float({number})")
        return lo, hi

    def _measure(self, form: Form, uses: tuple[Use, ...], value: str, depth: int) -> None:
        match form:
            case "quantity-range":
                measure, unit = measures.quantity_range, f"{self._constant(measures.range_unit, 'unit')}({value})"
            case "sampled":
                measure, unit = measures.sampled, f"{self._constant(measures.sampled_unit, 'unit')}({value})"
            case _:
                measure, unit = measures.quantity, value
        if measure is measures.quantity:
            lo, hi = self._exact_amount(value, depth)
        else:
            lo, hi = self._amount(measure, value, depth)
        site = self._site(sites.UnitSite, uses)
        key, of, h = self._name("k"), self._name("u"), self._name("h")
        number = self._constant(site.number)
        if form == "money":
            currency = f"{value}.get({self._constant('currency')})"
            self._write(depth + 1, f"{key} = ({number}, {self._constant(measures.CURRENCIES)}, {currency}, None)")
        else:
            system, code, printed = (self._constant(member) for member in ("system", "code", "unit"))
            self._write(depth + 1, f"{of} = {unit}")
            self._write(depth + 1, f"{key} = ({number}, {of}.get({system}), {of}.get({code}), {of}.get({printed}))")
        plain, based = self._name("u"), self._name("u")
        self._used.add("qty")
        self._write(depth + 1, f"{plain}, {based} = get({key}) or {self._constant(site, 'site')}({key})")
        self._write(depth + 1, f"for {h} in {plain}:")
        self._write(depth + 2, f"qty.append(({h}, {lo}, {hi}))")
        if form != "money":
            rows = {"quantity-range": f"range({value})", "sampled": f"span({lo}, {hi})"}.get(form, f"quantity({value})")
            self._write(depth + 1, f"if {based} is not None:")
            self._write(depth + 2, f"qty += {based}.{rows}")

    def _position(self, value: str, depth: int) -> None:
        hs = tuple(self._keys.parameter(self._type, code) for code in (NEAR_LATITUDE, NEAR_LONGITUDE))
        self._add(depth, "qty", f"{self._constant(measures.position, 'position')}({value}, {self._constant(hs)})")

    def _reference(self, uses: tuple[Use, ...], value: str, depth: int) -> None:
        site = self._reference_site(uses, canonical=False)
        reference, type, identifier = (self._constant(member) for member in ("reference", "type", "identifier"))
        limited = any(use.only for use in uses)
        self._resolves = self._resolves or limited
        declared = f", {value}.get({type}) or inside.get({value}.get({reference}))" if limited else ""
        key = f"({self._constant(site.number)}, {value}.get({reference}){declared})"
        mask = self._reach(site, key, uses, depth)
        open_rows = tuple(use.rows for use in uses if use.rows and not use.only)
        if not any(use.rows for use in uses):
            return
        found = self._name("v")
        self._write(depth, f"{found} = {value}.get({identifier})")
        self._write(depth, f"if {found} is not None:")
        if open_rows:
            self._logical(open_rows, found, depth + 1)
        for use in uses:
            if use.rows and use.only:
                self._write(depth + 1, f"if {mask} & {self._constant(use.mask)}:")
                self._logical((use.rows,), found, depth + 2)

    def _logical(self, rows: tuple[str, ...], identifier: str, depth: int) -> None:
        """Tokens of a Reference.identifier, under the names of the parameters with IDENTIFIER_SUFFIX."""
        site = self._site(coded.LogicalSite, tuple(Use(code + IDENTIFIER_SUFFIX) for code in rows))
        members = ", ".join(f"{identifier}.get({self._constant(name)})" for name in ("system", "value"))
        key = self._name("k")
        self._write(depth, f"{key} = ({self._constant(site.number)}, {members})")
        self._add(depth, "tok", f"get({key}) or {self._constant(site, 'site')}({key})")

    def _reach(self, site: Site, key_text: str, uses: tuple[Use, ...], depth: int) -> str:
        key = self._name("k")
        self._write(depth, f"{key} = {key_text}")
        return self._reach_of(f"get({key}) or {self._constant(site, 'site')}({key})", uses, depth)

    def _reach_of(self, expression: str, uses: tuple[Use, ...], depth: int) -> str:
        """Add what a reference contributes; the answer is the name that holds its bits of `present`."""
        tok, ref, patient, mask = (self._name("r") for _ in range(4))
        self._write(depth, f"{tok}, {ref}, {patient}, {mask} = {expression}")
        if any(use.rows for use in uses):
            self._add(depth, "tok", tok)
            self._add(depth, "ref", ref)
        if any(use.mask for use in uses):
            self._write(depth, f"present |= {mask}")
        for rank in sorted({use.rank for use in uses if use.rank is not None}):
            self._ranks.add(rank)
            self._write(depth, f"if owner{rank} is None:")
            self._write(depth + 1, f"owner{rank} = {patient}")
        return mask

    def _rows(self, uses: tuple[Use, ...], depth: int, table: str, columns: str) -> None:
        self._used.add(table)
        for use in uses:
            if use.rows:
                h = self._constant(self._keys.parameter(self._type, use.rows))
                self._write(depth, f"{table}.append(({h}, {columns}))")

    # --- sites

    def _site(self, kind: type[Site], uses: tuple[Use, ...]) -> Any:
        return kind(self._cache.next_site(), self._type, uses, self._keys, self._cache)

    def _reference_site(self, uses: tuple[Use, ...], *, canonical: bool) -> Site:
        number = self._cache.next_site()
        return sites.ReferenceSite(number, self._type, uses, self._keys, self._cache, canonical=canonical)
