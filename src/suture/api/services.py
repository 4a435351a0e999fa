"""What the interactions and operations work with: the long-lived objects, built once by `suture.app`.

A `Model` is everything that follows from one FHIR version; `Services` is everything else. The one thing to
know: nothing here assumes a version, the application of each base URL brings its own model.
"""

import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from suture.access import Decision, decide
from suture.api.catalogue import Catalogue
from suture.api.http import Request
from suture.api.knowledge import Knowing, core
from suture.api.links import UriElements
from suture.api.loaded_systems import LoadedSystems
from suture.api.summaries import Summaries
from suture.deferred import deferred
from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version
from suture.search.catalog import Catalog
from suture.search.execute import Search
from suture.search.indexer import Indexer
from suture.search.parameters import SearchParameters
from suture.search.query import Limits
from suture.settings import Settings
from suture.store.predicate import Predicate
from suture.store.store import Store
from suture.terminology import Terminology
from suture.terminology.desk import Desk
from suture.terminology.systems import Content

if TYPE_CHECKING:
    from suture.api import judging
    from suture.api.graphql import introspection, shapes
    from suture.fhir.profiles import Gate, Judge
else:
    judging = deferred("suture.api.judging")
    introspection = deferred("suture.api.graphql.introspection")
    shapes = deferred("suture.api.graphql.shapes")

Observe = Callable[[str, str, str, str, int, float], None]
"""Called after every answer: (request id, HTTP method, interaction, resource type or "", HTTP status, seconds)."""

NEVER_STORED = frozenset(("Parameters",))
"""Resource types that exist only inside requests and answers and have no endpoint."""


class Model:
    """One FHIR version at work: its definitions, validation, search parameters, indexer and search.

    `types`: the resource types that have an endpoint. `contained`: contained resources are indexed and searched.
    `generation`: of the database whose search parameters it works with. `knowledge`: packages and stored definitions.
    """

    def __init__(self, version: Version, store: Store, settings: Settings) -> None:
        self.version = version
        self.definitions = load(version)
        self.types = frozenset(self.definitions.resource_types) - NEVER_STORED
        self.uris = UriElements(self.definitions)
        self.summaries = Summaries(self.definitions)
        self.validator = Validator(self.definitions)
        self._settings = settings
        self._store = store
        self._full_text = self.types if "*" in settings.full_text else frozenset(settings.full_text)
        self._terminology = Terminology(version)
        self.desk = Desk(version)
        self._limits = Limits(
            settings.default_count, settings.max_count, settings.max_include, budget=settings.search_budget
        )
        self.generation = -1
        self.knowledge = core(version)
        self.contained = settings.contained_search
        self.parameters = SearchParameters(self.definitions, full_text=self._full_text, contained=self.contained)
        self.indexer = Indexer(self.parameters, store.keys, self._full_text)
        self.adopt(Catalog())

    @property
    def full_text(self) -> frozenset[str]:
        """The resource types that are searched by full text."""
        return self._full_text

    @cached_property
    def shapes(self) -> "shapes.Shapes":
        """The types for GraphQL."""
        return shapes.Shapes(self.definitions, self.types)

    @property
    def introspection(self) -> "introspection.Introspection":
        """What GraphQL tells of the types, and of the search parameters of now."""
        if self._introspection is None:
            self._introspection = introspection.Introspection(self.shapes, self.parameters)
        return self._introspection

    @cached_property
    def _judging(self) -> "judging.Judging":
        rules = judging.policy(self._settings)
        return judging.Judging(self.definitions, self.validator, lambda: self.terms, rules)

    @property
    def judge(self) -> "Judge":
        """Says everything about a resource, by the definitions that are in force now."""
        return self._judging.judge(self.knowledge.canonicals)

    @property
    def gate(self) -> "Gate":
        """Says whether a resource may be written, by the definitions that are in force now."""
        return self._judging.gate(self.knowledge.canonicals)

    def surroundings(self, predicate: Callable[[str], Predicate]) -> "judging.Surroundings":
        """Who answers the judge's questions. `predicate`: which resources of a type the caller may see."""
        return judging.Surroundings(lambda: self.terms, self._store, self.types, predicate)

    def hurry(self) -> None:
        """Do not wait for answers of the terminology from now on: what is not known at once passes the gate."""
        self._judging.hurry()

    @property
    def terms(self) -> Desk:
        """The terminology as it is now, for whoever is not a search."""
        return self.desk.current(self.knowledge.canonicals, self._store.changes.generation)

    def loaded(self, content: Content) -> None:
        """Work with the code systems of `content` as well, in searches and in terminology operations."""
        self._terminology.content = content
        self.desk.content = content

    def adopt(self, catalog: Catalog) -> None:
        """Work with the search parameters of `catalog` from now on."""
        store = self._store
        self.parameters, different = self.parameters.revised(catalog.custom, catalog.pending)
        self.indexer = self.indexer.revised(self.parameters, different)
        self.search = Search(
            self.parameters, store.keys, store.dialect, store.bodies.stored, self._limits, terminology=self._terminology
        )
        self._introspection: introspection.Introspection | None = None


class Services:
    """The long-lived objects of one process. `models`: the FHIR versions that are served."""

    __slots__ = ("catalogue", "knowing", "models", "observe", "settings", "store", "systems")

    def __init__(self, settings: Settings, store: Store, models: Mapping[Version, Model], observe: Observe) -> None:
        self.settings = settings
        self.store = store
        self.models = models
        self.observe = observe
        self.catalogue = Catalogue(store, models)
        self.knowing = Knowing(store, models)
        self.systems = LoadedSystems(store, models, settings.terminology_servers)

    def on(self, store: Store) -> "Services":
        """The same services, working on `store`, such as a session's."""
        same = copy.copy(self)
        same.store = store
        return same

    def decide(self, request: Request, type: str) -> Decision:
        """What the caller of `request` may do in its interaction on `type` ("" for all). Raises Forbidden."""
        return decide(request.interaction, type)
