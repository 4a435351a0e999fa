"""Which rules judge which type of value."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from suture.fhir.rules import (
    attachment,
    bundle,
    bundle_references,
    canonical,
    capability_statement,
    code_system,
    coding,
    concept_map,
    concept_map_r5,
    contained,
    document,
    element_ids,
    extension,
    extension_definition,
    identifier,
    measure,
    meta,
    narrative,
    narrative_languages,
    narrative_link,
    narrative_markup,
    narrowing,
    operation_definition,
    plausibility,
    quantity,
    questionnaire,
    questionnaire_derivation,
    questionnaire_response,
    reference,
    search_parameter,
    specialization,
    structure_definition,
    text_link,
    uris,
    value_set,
    value_set_parameters,
)
from suture.fhir.rules.seen import Rule
from suture.fhir.rules.uris import is_example
from suture.fhir.versions import Version

_QUANTITIES = ("Quantity", "SimpleQuantity", "MoneyQuantity", "Age", "Count", "Distance", "Duration")

_DATA_TYPES: dict[str, tuple[Rule, ...]] = {
    "Attachment": (attachment.agrees_with_data,),
    "Coding": (coding.system_form, coding.code_of_system),
    "Extension": (extension.known_and_in_place,),
    "Meta": (meta.without_repetition,),
    "Identifier": (identifier.identifier_form,),
    "Narrative": (
        narrative.links_lead_somewhere,
        narrative.language_of_resource,
        narrative_languages.mixed_languages,
        narrative_markup.paragraphs_hold_text,
        narrative_markup.links_are_urls,
        text_link.both_ends,
    ),
    "Reference": (reference.names_something, reference.query_form, reference.can_be_found, reference.known_type),
    "canonical": (canonical.form, canonical.target_type),
    "date": (plausibility.date_in_range,),
    "dateTime": (plausibility.date_in_range,),
    "instant": (plausibility.date_in_range,),
    "markdown": (plausibility.markup, plausibility.directions),
    "string": (plausibility.markup, plausibility.white_space, plausibility.directions),
    "uri": (uris.uri_form,),
    "url": (uris.uri_form,),
    **dict.fromkeys(_QUANTITIES, (quantity.unit_of_system,)),
}

_RESOURCES: dict[str, tuple[Rule, ...]] = {
    "Bundle": (
        bundle.full_urls,
        bundle.links,
        bundle.requests,
        bundle.search_results,
        bundle_references.references_between_entries,
        document.document,
        document.message,
        narrative_link.links_within_document,
    ),
    "CapabilityStatement": (capability_statement.search_parameters,),
    "CodeSystem": (
        code_system.content,
        code_system.trimmed_codes,
        code_system.supplemented_codes,
        code_system.properties,
        code_system.concept_properties,
        code_system.value_set_of_all,
    ),
    "ConceptMap": (concept_map.groups_have_systems, concept_map.mapped_codes),
    "Measure": (measure.criteria_are_defined,),
    "MeasureReport": (measure.report_follows_measure,),
    "OperationDefinition": (operation_definition.in_place, operation_definition.parameters_agree_with_profiles),
    "Questionnaire": (
        questionnaire.conditions,
        questionnaire.initial_values,
        questionnaire_derivation.derivation,
    ),
    "QuestionnaireResponse": (questionnaire_response.agrees_with_questionnaire,),
    "SearchParameter": (
        search_parameter.expression_compiles,
        search_parameter.agrees_with_base,
        search_parameter.components,
    ),
    "StructureDefinition": (
        structure_definition.base,
        structure_definition.elements,
        structure_definition.slicing,
        structure_definition.snapshot_covers_differential,
        structure_definition.constraint_keys,
        structure_definition.constraints_compile,
        extension_definition.contexts,
        extension_definition.fixed_url,
        narrowing.inherited_obligations,
        narrowing.meaning_of_absence,
        narrowing.targets,
        specialization.new_type,
    ),
    "ValueSet": (
        value_set.systems,
        value_set.imports,
        value_set.listed_codes,
        value_set.filters,
        value_set_parameters.computed_filters,
    ),
}

_R5: Mapping[str, tuple[Rule, ...]] = {"ConceptMap": (concept_map_r5.declared_properties,)}

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {"Resource": (contained.is_referred_to, element_ids.unique_ids), **_DATA_TYPES, **_RESOURCES}
)
"""By type name: a data type, `Resource` (every resource), or a resource type; `of` adds those of one version."""


@cache
def of(type: str, version: Version) -> tuple[Rule, ...]:
    """The rules for a type of one FHIR version."""
    return RULES.get(type, ()) + (_R5.get(type, ()) if version is Version.R5 else ())


def _worth_text(value: Any) -> bool:
    return isinstance(value, str) and ("<" in value or not value.isascii() or value != value.strip())


def _worth_date(value: Any) -> bool:
    return isinstance(value, str) and not "1800" <= value[:4] <= "2200"


def _worth_uri(value: Any) -> bool:
    return isinstance(value, str) and (value[:4].lower() in ("urn:", "oid:", "uuid") or is_example(value))


WORTH: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        **dict.fromkeys(("string", "markdown"), _worth_text),
        **dict.fromkeys(("date", "dateTime", "instant"), _worth_date),
        **dict.fromkeys(("uri", "url"), _worth_uri),
    }
)
"""Quick looks at primitive values: the rules of the type have something to say only where this is true."""
