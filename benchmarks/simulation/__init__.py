"""The control plane in virtual time, over the very functions that the actors decide with (`policy`, `roles`).

The tests of the roles run it small and stormy, the benchmark large. What is imitated is only what the actors carry out,
the git host, the programs, and all that goes wrong with them; chance comes from one seed.
"""

from benchmarks.simulation.faults import Dice, Fault
from benchmarks.simulation.host import HUMAN, LABEL, Host
from benchmarks.simulation.invariants import Broken
from benchmarks.simulation.world import World

__all__ = ["HUMAN", "LABEL", "Broken", "Dice", "Fault", "Host", "World"]
