"""What an operator sees of a running server: logs, metrics and health, none of which carries patient data."""

from suture.observability.health import Health
from suture.observability.logs import configure_logging
from suture.observability.metrics import Metrics
from suture.observability.requests import RequestLog
from suture.observability.snapshots import shared_folder

__all__ = ["Health", "Metrics", "RequestLog", "configure_logging", "shared_folder"]
