"""Where resources lie: tables, the group-commit writer and the readers, on SQLite and on PostgreSQL."""

from suture.store.history import Window
from suture.store.opening import DatabaseError, open_store
from suture.store.rows import IndexRows, Prepared, Stored
from suture.store.store import Store
from suture.store.transaction import Transaction

__all__ = ["DatabaseError", "IndexRows", "Prepared", "Store", "Stored", "Transaction", "Window", "open_store"]
