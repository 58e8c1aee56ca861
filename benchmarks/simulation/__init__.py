"""The control plane in virtual time, over the very functions that the actors decide with."""
