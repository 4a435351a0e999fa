"""Who may see and do what: one decision per request, made before anything is read."""

from suture.access.decision import ALLOW_ALL, AllowAll, Decision, decide

__all__ = ["ALLOW_ALL", "AllowAll", "Decision", "decide"]
