"""A team of coding agents as an actor system on Ray."""

__version__ = "0.1.0"
