"""The operations that can be called with `$`: one file each, declared with its OperationDefinition."""

from suture.api.operations.everything import EVERYTHING
from suture.api.operations.graphql import GRAPHQL
from suture.api.operations.lastn import LASTN
from suture.api.operations.meta import META
from suture.api.operations.meta_add import META_ADD
from suture.api.operations.meta_delete import META_DELETE
from suture.api.operations.operation import Operation
from suture.api.operations.reindex import REINDEX
from suture.api.operations.validate import VALIDATE

REGISTRY: tuple[Operation, ...] = (EVERYTHING, GRAPHQL, LASTN, META, META_ADD, META_DELETE, REINDEX, VALIDATE)

__all__ = ["REGISTRY", "Operation"]
