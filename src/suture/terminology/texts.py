"""The issues of code validation, by what went wrong: their codes, message ids and texts.

Specification: https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/requirements.html. The one thing to know: programs act
on kind and id, and validators show the texts word by word, so neither may change without the other servers.
"""

from collections.abc import Iterable, Sequence

from suture.terminology.asked import Coded
from suture.terminology.problems import Problem
from suture.terminology.properties import standing_of
from suture.terminology.supplements import canonical
from suture.terminology.systems import Concept, Head, Json
from suture.terminology.versions import listed


def no_system(coded: Coded) -> Problem:
    """A coding that names no code system."""
    text = (
        "Coding has no system. A code with no system has no defined meaning, and it cannot be validated. "
        "A system should be provided"
    )
    place = coded.place or "code"
    return Problem("warning", "invalid", "invalid-data", "Coding_has_no_system__cannot_validate", text, place)


def no_code(coded: Coded) -> Problem:
    """A coding that has no code, and perhaps no code system either."""
    if coded.system:
        id, text = "Coding_has_no_code__cannot_validate", "Coding has no code. There is nothing to validate without one"
    else:
        id = "Coding_has_no_system_or_code__cannot_validate"
        text = "Coding has no system or code. There is nothing to validate without them"
    return Problem("warning", "invalid", "invalid-data", id, text, coded.place or "code")


def relative_system(coded: Coded) -> Problem:
    """A system that is no absolute URL."""
    text = "Coding.system must be an absolute reference, not a local reference"
    return Problem("error", "invalid", "invalid-data", "Terminology_TX_System_Relative", text, coded.at("system"))


def value_set_as_system(coded: Coded) -> Problem:
    """A system that is the URL of a value set."""
    text = f"The Coding references a value set, not a code system ('{coded.system}')"
    return Problem("error", "invalid", "invalid-data", "Terminology_TX_System_ValueSet2", text, coded.at("system"))


def supplement_as_system(coded: Coded, head: Head) -> Problem:
    """A system that is the URL of a supplement."""
    text = f"CodeSystem {canonical(head)} is a supplement, so can't be used as a value in Coding.system"
    return Problem("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", text, coded.at("system"))


def unknown_system(system: str, version: str, versions: Iterable[str], place: str) -> Problem:
    """A code system, or its version, that is not here. `versions`: those that are."""
    here = list(versions)
    if not version:
        id, text = "UNKNOWN_CODESYSTEM", f"A definition for CodeSystem '{system}' could not be found"
        text += ", so the code cannot be validated"
    else:
        text = f"A definition for CodeSystem '{system}' version '{version}' could not be found"
        text += ", so the code cannot be validated. "
        id = "UNKNOWN_CODESYSTEM_VERSION" if here else "UNKNOWN_CODESYSTEM_VERSION_NONE"
        text += f"Valid versions: {listed(here)}" if here else "No versions of this code system are known"
    return Problem("error", "not-found", "not-found", id, text, place)


def unknown_code(head: Head, coded: Coded) -> Problem:
    """A code that its code system does not have; a warning where only a part of the system is here."""
    version = f" version '{head.version}'" if head.version else ""
    if head.content == "fragment":
        text = (
            f"Unknown Code '{coded.code}' in the CodeSystem '{head.url}'{version} - note that the code system is "
            "labeled as a fragment, so the code may be valid in some other fragment"
        )
        id, severity = "UNKNOWN_CODE_IN_FRAGMENT", "warning"
        return Problem(severity, "code-invalid", "invalid-code", id, text, coded.at("code"), silent=True)
    text = f"Unknown code '{coded.code}' in the CodeSystem '{head.url}'{version}"
    id = "Unknown_Code_in_Version" if head.version else "Unknown_Code_in"
    return Problem("error", "code-invalid", "invalid-code", id, text, coded.at("code"))


def abstract(coded: Coded) -> Problem:
    """A code that may not be selected."""
    text = f"Code '{coded.system}#{coded.code}' is abstract, and not allowed in this context"
    return Problem("error", "business-rule", "code-rule", "ABSTRACT_CODE_NOT_ALLOWED", text, coded.at("code"))


def not_active(coded: Coded) -> Problem:
    """An inactive code where only active ones are wanted."""
    text = f"The concept '{coded.code}' is valid but is not active"
    return Problem("error", "business-rule", "code-rule", "STATUS_CODE_WARNING_CODE", text, coded.at("code"))


def other_case(head: Head, concept: Concept, coded: Coded) -> Problem:
    """A code that is right but for its case."""
    text = (
        f"The code '{coded.code}' differs from the correct code '{concept.code}' by case. Although the code system "
        f"'{canonical(head)}' is case insensitive, implementers are strongly encouraged to use the correct case anyway"
    )
    id = "CODE_CASE_DIFFERENCE"
    return Problem("information", "business-rule", "code-rule", id, text, coded.at("code"), silent=True)


def inactive(code: str, status: str, place: str) -> Problem:
    """An inactive code, which is nevertheless in the value set."""
    said = f"{status} and inactive" if status not in ("", "inactive") else "inactive"
    text = f"The concept '{code}' has a status of {said} and its use should be reviewed"
    return Problem("warning", "business-rule", "code-comment", "INACTIVE_CONCEPT_FOUND", text, place)


def deprecated(code: str, place: str) -> Problem:
    """A code whose use is discouraged."""
    text = f"The concept '{code}' is deprecated and its use should be reviewed"
    return Problem("warning", "business-rule", "code-comment", "DEPRECATED_CONCEPT_FOUND", text, place)


def deprecated_in(name: str, status: str, coded: Coded) -> Problem:
    """A code whose presence in the value set is deprecated or withdrawn."""
    text = (
        f"The presence of the concept '{coded.code}' in the system '{coded.system}' in the value set {name} "
        f"is marked with a status of {status} and its use should be reviewed"
    )
    id = "CONCEPT_DEPRECATED_IN_VALUESET"
    return Problem("warning", "business-rule", "code-comment", id, text, coded.at("code"), silent=True)


def not_inferred(code: str, name: str, systems: Sequence[str], place: str) -> Problem:
    """No system, or several, could be meant by a code without one."""
    text = f"The System URI could not be determined for the code '{code}' in the ValueSet '{name}'"
    if systems:
        text += f": value set expansion has multiple matches: [{', '.join(systems)}]"
        id = "Unable_to_resolve_system__value_set_has_multiple_matches"
    else:
        id = "UNABLE_TO_INFER_CODESYSTEM"
    return Problem("error", "not-found", "cannot-infer", id, text, place)


def not_in(name: str, coded: Coded, *, one_of_several: bool) -> Problem:
    """A code that is not in the value set; not decisive where it is one of several."""
    text = f"The provided code '{coded.shown}' was not found in the value set '{name}'"
    severity, kind = ("information", "this-code-not-in-vs") if one_of_several else ("error", "not-in-vs")
    id = "None_of_the_provided_codes_are_in_the_value_set_one"
    return Problem(severity, "code-invalid", kind, id, text, coded.at("code"), silent=one_of_several)


def none_in(name: str) -> Problem:
    """None of the codings of a CodeableConcept is in the value set."""
    text = f"No valid coding was found for the value set '{name}'"
    return Problem("error", "code-invalid", "not-in-vs", "TX_GENERAL_CC_ERROR_MESSAGE", text)


def other_version(system: str, wanted: str, chosen: str, used: str, coded: Coded, *, needed: bool) -> Problem:
    """The value says another version than counts. `wanted`: that of the value set, `chosen`: after the parameters,
    "" where neither says one; `used`: of the code system that is used then.
    """
    if not chosen:
        id, severity = "VALUESET_VALUE_MISMATCH_DEFAULT", "error" if needed else "warning"
        text = f"The code system '{system}' version '{used}' for the versionless include in the ValueSet include"
    elif chosen != wanted:
        id, severity = "VALUESET_VALUE_MISMATCH_CHANGED", "error"
        text = (
            f"The code system '{system}' version '{chosen}' resulting from the version '{wanted}' "
            "in the ValueSet include"
        )
    else:
        id, severity = "VALUESET_VALUE_MISMATCH", "error"
        text = f"The code system '{system}' version '{wanted}' in the ValueSet include"
    text += f" is different to the one in the value ('{coded.version}')"
    place = coded.at("version")
    return Problem(severity, "invalid", "vs-invalid", id, text, place, silent=severity == "warning")


def standing(status: str, standards: str, *, experimental: bool, used_by: Json) -> str:
    """What is to be said of the standing of a definition that another uses: `deprecated`, `withdrawn`, `retired`,
    `experimental`, `draft`, or "".
    """
    if standards in ("deprecated", "withdrawn"):
        return standards
    if status == "retired":
        return "retired"
    if experimental and used_by.get("experimental") is not True:
        return "experimental"
    drafts = "draft" in (status, standards)
    return "draft" if drafts and "draft" not in (used_by.get("status"), standing_of(used_by)) else ""


def referred(type: str, name: str, word: str) -> Problem:
    """A reference to a definition of some standing."""
    text = f"Reference to {word} {type} {name}"
    return Problem("information", "business-rule", "status-check", f"MSG_{word.upper()}", text, silent=True)
