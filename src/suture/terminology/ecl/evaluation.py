"""Which concepts satisfy a constraint: set arithmetic on numbers.

Semantics: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (chapter 6). The
one thing to know: a concept that the edition does not have stands for no concept, as the specification says of
substrates; it is not an error.
"""

from pyroaring import BitMap

from suture.terminology.content.hierarchy import Hierarchy
from suture.terminology.ecl.concept_filters import passing
from suture.terminology.ecl.description_filters import described
from suture.terminology.ecl.member_filters import chosen_members, containing, earlier
from suture.terminology.ecl.nodes import (
    Alternate,
    Compound,
    ConceptFilters,
    Containing,
    Dotted,
    Expression,
    MemberOf,
    Operator,
    Reference,
    Refined,
    Sub,
    Wildcard,
    identifier_of,
)
from suture.terminology.ecl.refinements import Refiner
from suture.terminology.ecl.substrate import Substrate
from suture.terminology.ecl.work import Work


async def evaluate(expression: Expression, substrate: Substrate) -> BitMap:
    """The concepts that satisfy a constraint. A new set. Raises Invalid, TooCostly."""
    return (await Evaluation(substrate).of(expression)).copy()


class Evaluation:
    """One evaluation, with a bound on its work."""

    def __init__(self, substrate: Substrate) -> None:
        self.substrate = substrate
        self.work = Work()

    async def of(self, expression: Expression) -> BitMap:
        """The concepts that satisfy a constraint; not to be changed."""
        if isinstance(expression, Sub):
            return await self._sub(expression)
        if isinstance(expression, Compound):
            return await self._compound(expression)
        if isinstance(expression, Refined):
            return await Refiner(self).refined(await self._sub(expression.focus), expression.refinement)
        return await self._dotted(expression)

    async def codes(self, expression: Expression) -> list[str]:
        """The identifiers of the concepts that satisfy a constraint, of which there may be few. An identifier that
        stands for itself need not be one of the edition's.
        """
        single = identifier_of(expression)
        return [single] if single else await self.substrate.codes(await self.of(expression))

    async def _compound(self, compound: Compound) -> BitMap:
        found = await self._sub(compound.parts[0])
        for part in compound.parts[1:]:
            if not found and compound.kind != "or":
                break
            other = await self._sub(part, None if compound.kind == "or" else found)
            found = (
                found & other if compound.kind == "and" else found | other if compound.kind == "or" else found - other
            )
        return found

    async def _dotted(self, dotted: Dotted) -> BitMap:
        found = await self._sub(dotted.focus)
        for attribute in dotted.attributes:
            found = await Refiner(self).values_of(found, attribute)
        return found

    async def _sub(self, sub: Sub, within: BitMap | None = None) -> BitMap:
        """The concepts of a part. `within`: those that matter, so that filters need not look at others."""
        found = await self._focus(sub)
        if sub.operator is not None and not (isinstance(sub.focus, Wildcard) and sub.member_of is None):
            found = await self._reached(sub.operator, found)
        elif sub.operator is not None:
            found = await self._reached_from_all(sub.operator)
        if sub.filters and within is not None and sub.history is None:
            found = found & within
        for filters in sub.filters:
            if isinstance(filters, ConceptFilters):
                found = await passing(found, filters, self)
            else:
                found = await described(found, filters, self)
        return found if sub.history is None else found | await earlier(found, sub.history, self)

    async def _focus(self, sub: Sub) -> BitMap:
        substrate, focus = self.substrate, sub.focus
        member_of = sub.member_of
        if isinstance(focus, Wildcard):
            found = await (substrate.reference_sets() if isinstance(member_of, MemberOf) else substrate.all())
        elif isinstance(focus, Reference):
            number = await substrate.number(focus.code)
            found = BitMap() if number is None else BitMap((number,))
        elif isinstance(focus, Alternate):
            number = await substrate.alternate(focus.scheme, focus.code)
            found = BitMap() if number is None else BitMap((number,))
        else:
            found = await self.of(focus)
        if member_of is None:
            return found
        if isinstance(member_of, Containing):
            return await containing(found, sub.member_filters, self)
        if member_of.fields or sub.member_filters:
            return await chosen_members(found, member_of.fields, sub.member_filters, self, sub.position)
        self.work.count(len(found))
        sets = [await substrate.members(number) for number in found & await substrate.reference_sets()]
        return BitMap.union(*sets) if sets else BitMap()

    async def _reached_from_all(self, operator: Operator) -> BitMap:
        """An operator on all concepts, without walking."""
        hierarchy = await self.substrate.hierarchy()
        match operator:
            case Operator.DESCENDANTS | Operator.CHILDREN:
                return hierarchy.having_parents()
            case Operator.ANCESTORS | Operator.PARENTS:
                return hierarchy.having_children()
            case Operator.TOP:
                return (await self.substrate.all()) - hierarchy.having_parents()
            case Operator.BOTTOM:
                return (await self.substrate.all()) - hierarchy.having_children()
            case _:
                return await self.substrate.all()

    async def _reached(self, operator: Operator, start: BitMap) -> BitMap:
        hierarchy = await self.substrate.hierarchy()
        match operator:
            case Operator.DESCENDANTS:
                return await self._below(start)
            case Operator.DESCENDANTS_OR_SELF:
                return start | await self._below(start)
            case Operator.ANCESTORS:
                return self._above(start, hierarchy)
            case Operator.ANCESTORS_OR_SELF:
                return start | self._above(start, hierarchy)
            case Operator.TOP:
                return start - await self._below(start)
            case Operator.BOTTOM:
                return start - self._above(start, hierarchy)
            case Operator.CHILDREN | Operator.CHILDREN_OR_SELF:
                near = hierarchy.children
            case Operator.PARENTS | Operator.PARENTS_OR_SELF:
                near = hierarchy.parents
        self.work.count(len(start))
        found = BitMap()
        for number in start:
            found.update(near(number))
        own = operator in (Operator.CHILDREN_OR_SELF, Operator.PARENTS_OR_SELF)
        return found | start if own else found

    async def _below(self, start: BitMap) -> BitMap:
        found = BitMap()
        for number in start:  # rising numbers: what is above comes first, and what is below it is then in already
            if number not in found:
                self.work.count(1)
                found |= await self.substrate.descendants(number)
        return found

    def _above(self, start: BitMap, hierarchy: Hierarchy) -> BitMap:
        found: set[int] = set()
        waiting = list(start)
        self.work.count(len(waiting))
        while waiting:
            for number in hierarchy.parents(waiting.pop()):
                if number not in found:
                    found.add(number)
                    waiting.append(number)
        return BitMap(found)
