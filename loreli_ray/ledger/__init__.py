"""The durable record of a session."""

from loreli_ray.ledger.ledger import Ledger

__all__ = ["Ledger"]
