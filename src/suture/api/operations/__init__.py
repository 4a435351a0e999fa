"""The operations that can be called with `$`: one file each, declared with its OperationDefinition."""

from suture.api.operations.batch_validate_code import BATCH_VALIDATE_CODE
from suture.api.operations.closure import CLOSURE
from suture.api.operations.everything import EVERYTHING
from suture.api.operations.expand import EXPAND
from suture.api.operations.fhirpath import FHIRPATH
from suture.api.operations.find_matches import FIND_MATCHES
from suture.api.operations.graphql import GRAPHQL
from suture.api.operations.lastn import LASTN
from suture.api.operations.lookup import LOOKUP
from suture.api.operations.meta import META
from suture.api.operations.meta_add import META_ADD
from suture.api.operations.meta_delete import META_DELETE
from suture.api.operations.operation import Operation
from suture.api.operations.preferred_id import PREFERRED_ID
from suture.api.operations.reindex import REINDEX
from suture.api.operations.snapshot import SNAPSHOT
from suture.api.operations.subsumes import SUBSUMES
from suture.api.operations.translate import TRANSLATE
from suture.api.operations.validate import VALIDATE
from suture.api.operations.validate_code import VALIDATE_CODE
from suture.api.operations.versions import VERSIONS

REGISTRY: tuple[Operation, ...] = (
    BATCH_VALIDATE_CODE, CLOSURE, EVERYTHING, EXPAND, FHIRPATH, FIND_MATCHES, GRAPHQL, LASTN, LOOKUP, META, META_ADD,
    META_DELETE, PREFERRED_ID, REINDEX, SNAPSHOT, SUBSUMES, TRANSLATE, VALIDATE, VALIDATE_CODE, VERSIONS,
)  # fmt: skip

__all__ = ["REGISTRY", "Operation"]
