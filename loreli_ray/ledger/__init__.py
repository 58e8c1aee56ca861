"""The durable record of a session: its ledger, and the last screens of its agents."""

from loreli_ray.ledger.death_log import death_log, read_death_log
from loreli_ray.ledger.ledger import Ledger

__all__ = ["Ledger", "death_log", "read_death_log"]
