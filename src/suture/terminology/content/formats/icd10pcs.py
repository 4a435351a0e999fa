"""ICD-10-PCS: the order file that CMS publishes each year, https://www.cms.gov/medicare/coding-billing/icd-10-codes."""

from suture.terminology.content.formats.icd10cm import OrderFile
from suture.terminology.systems import Head

URL = "http://www.cms.gov/Medicare/Coding/ICD10"


class ProcedureOrderFile(OrderFile):
    """The order file of ICD-10-PCS: headings of three characters, codes of seven, without dots."""

    kind = "icd-10-pcs"

    def written(self, code: str) -> str:
        """The code as it is."""
        return code

    def head(self, version: str) -> Head:
        """What the code system says of itself."""
        return Head(
            URL,
            version,
            "ICD10PCS",
            "International Classification of Diseases, 10th Revision, Procedure Coding System",
            case_sensitive=False,
            value_set=f"{URL}/vs",
            hierarchy_meaning="is-a",
            properties=tuple(self.properties),
            language="en",
            languages=("en",),
            versions_by="natural",
        )
