"""A small edition of SNOMED CT with everything that expression constraints ask about, written as RF2 files."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.terminology.snomed import CORE, GB, METADATA, MODEL, SYNONYM, US, Writer

DATE = 20240101
EXTENSION_DATE, EXTENSION_MODULE = 20240315, 11000172109
VERSION = f"http://snomed.info/sct/{CORE}/version/{DATE}"

FINDING, BODY, SUBSTANCE, PRODUCT = 404684003, 123037004, 105590001, 373873005
LUNG_DISORDER, PNEUMONIA, BACTERIAL, VIRAL, ASTHMA = 19829001, 233604007, 53084003, 75570004, 195967001
LUNG, LEFT_LUNG, BRONCHUS = 39607008, 44029006, 955009
BACTERIUM, VIRUS, PNEUMOCOCCUS = 409822003, 49872002, 9861002
FINDING_SITE, AGENT, MORPHOLOGY = 363698007, 246075003, 116676008
INFLAMMATION, EDEMA = 409774005, 79654002
INGREDIENT, STRENGTH, COUNT, LABEL, FREE = 762949000, 1142135004, 1142139005, 3264475007, 859999999
TABLET, SYRUP = 322236009, 322280009
OLD_ASTHMA, OLD_PNEUMONIA, MAYBE_ASTHMA = 187687003, 155548002, 155574008
REFSET, OTHER_REFSET = METADATA["simple refset"], 991411000000109
MAP = METADATA["map refset"]


@dataclass
class Edition:
    """Where its files are, and the codes of concepts without a name above."""

    folder: Path
    descriptions: dict[str, int] = field(default_factory=dict)


def write_extension(folder: Path) -> int:
    """Write an extension of the edition, with a concept "Beer lung" and a Dutch name of asthma; the concept."""
    module = EXTENSION_MODULE
    with Writer(folder, EXTENSION_DATE, where="BE1000172", namespace="1000172", module=module) as extension:
        extension.concept("Belgian module (core metadata concept)", [METADATA["metadata"]], code=module)
        extension.depends(module, CORE, target=DATE)
        extension.depends(module, MODEL, target=DATE)
        beer = extension.concept("Beer lung (disorder)", [LUNG_DISORDER], synonyms=["Beer lung"])
        extension.description(ASTHMA, "Astma", SYNONYM, language="nl", preferred=(31000172101,))
    return beer


def write(folder: Path) -> Edition:
    """Write the edition's snapshot."""
    edition = Edition(folder)
    root, attribute = METADATA["root"], METADATA["attribute"]
    with Writer(folder, DATE) as r:
        r.metadata()
        for code, name, parents in (
            (FINDING, "Clinical finding (finding)", [root]),
            (BODY, "Body structure (body structure)", [root]),
            (SUBSTANCE, "Substance (substance)", [root]),
            (PRODUCT, "Pharmaceutical product (product)", [root]),
            (FINDING_SITE, "Finding site (attribute)", [attribute]),
            (AGENT, "Causative agent (attribute)", [attribute]),
            (MORPHOLOGY, "Associated morphology (attribute)", [attribute]),
            (INGREDIENT, "Has active ingredient (attribute)", [attribute]),
            (STRENGTH, "Has strength value (attribute)", [attribute]),
            (COUNT, "Count of ingredients (attribute)", [attribute]),
            (LABEL, "Has label (attribute)", [attribute]),
            (FREE, "Is sugar free (attribute)", [attribute]),
            (LUNG, "Lung structure (body structure)", [BODY]),
            (LEFT_LUNG, "Left lung structure (body structure)", [LUNG]),
            (BRONCHUS, "Bronchial structure (body structure)", [BODY]),
            (INFLAMMATION, "Inflammatory morphology (morphologic abnormality)", [BODY]),
            (EDEMA, "Edema (morphologic abnormality)", [BODY]),
            (BACTERIUM, "Bacteria (organism)", [SUBSTANCE]),
            (VIRUS, "Virus (organism)", [SUBSTANCE]),
            (PNEUMOCOCCUS, "Streptococcus pneumoniae (organism)", [BACTERIUM]),
            (LUNG_DISORDER, "Disorder of lung (disorder)", [FINDING]),
            (OTHER_REFSET, "Other reference set (foundation metadata concept)", [METADATA["refset"]]),
        ):
            r.concept(name, parents, code=code, synonyms=[name.rpartition(" (")[0]])
        r.concept("Pneumonia (disorder)", [LUNG_DISORDER], code=PNEUMONIA, synonyms=["Pneumonia", "Lung inflammation"],
                  defined=True, definition="An inflammation of the parenchyma of the lung.")  # fmt: skip
        r.concept("Bacterial pneumonia (disorder)", [PNEUMONIA], code=BACTERIAL, synonyms=["Bacterial pneumonia"],
                  defined=True)  # fmt: skip
        r.concept("Viral pneumonia (disorder)", [PNEUMONIA], code=VIRAL, synonyms=["Viral pneumonia"], date=20200131)
        r.concept("Asthma (disorder)", [LUNG_DISORDER], code=ASTHMA, synonyms=["Asthma"], british="Bronchial asthma")
        edition.descriptions["asma"] = r.description(ASTHMA, "Ménière's asma", SYNONYM, language="es", acceptable=(US,))
        edition.descriptions["old"] = r.description(ASTHMA, "Phthisic wheeze", SYNONYM, active=False, acceptable=(GB,))
        for concept, site, agent in ((PNEUMONIA, LUNG, 0), (BACTERIAL, LUNG, BACTERIUM), (VIRAL, LEFT_LUNG, VIRUS)):
            r.relationship(concept, FINDING_SITE, site, 1)
            r.relationship(concept, MORPHOLOGY, INFLAMMATION, 1)
            if agent:
                r.relationship(concept, AGENT, agent, 2)
        # edema of the bronchus and inflammation of the lung, not the other way round; an agent outside of any group
        r.relationship(ASTHMA, FINDING_SITE, BRONCHUS, 1)
        r.relationship(ASTHMA, MORPHOLOGY, EDEMA, 1)
        r.relationship(ASTHMA, FINDING_SITE, LUNG, 2)
        r.relationship(ASTHMA, MORPHOLOGY, INFLAMMATION, 2)
        r.relationship(ASTHMA, AGENT, VIRUS, 0)
        r.relationship(ASTHMA, AGENT, BACTERIUM, 0, active=False)
        r.concept("Paracetamol 500 mg tablet (product)", [PRODUCT], code=TABLET, synonyms=["Paracetamol tablet"])
        r.concept("Paracetamol 2.5 % syrup (product)", [PRODUCT], code=SYRUP, synonyms=["Paracetamol syrup"])
        r.relationship(TABLET, INGREDIENT, SUBSTANCE, 1)
        r.relationship(SYRUP, INGREDIENT, SUBSTANCE, 1)
        for concept, strength, label, free in (
            (TABLET, "#500", '"Pain stop"', "true"),
            (SYRUP, "#2.5", '"Fever"', "false"),
        ):
            r.value(concept, STRENGTH, strength, 1)
            r.value(concept, LABEL, label)
            r.value(concept, FREE, free)
            r.value(concept, COUNT, "#1")
        for code, name in (
            (OLD_ASTHMA, "Asthma NOS"),
            (OLD_PNEUMONIA, "Old pneumonia"),
            (MAYBE_ASTHMA, "Wheezy chest"),
        ):
            r.concept(f"{name} (disorder)", code=code, synonyms=[name], active=False)
        r.association(METADATA["same as"], OLD_ASTHMA, ASTHMA)
        r.association(METADATA["replaced by"], OLD_PNEUMONIA, PNEUMONIA)
        r.association(METADATA["possibly"], MAYBE_ASTHMA, ASTHMA)
        r.association(METADATA["same as"], MAYBE_ASTHMA, PNEUMONIA, active=False)
        for member in (ASTHMA, BACTERIAL, OLD_ASTHMA):
            r.member(REFSET, member)
        r.member(REFSET, VIRAL, active=False)
        r.member(OTHER_REFSET, PNEUMONIA)
        r.map(MAP, ASTHMA, "J45.9")
        r.map(MAP, PNEUMONIA, "J18.9", priority=2)
        r.alternate(METADATA["loinc"], "LP7796-8", ASTHMA)
    return edition
