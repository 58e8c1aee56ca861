"""For all tests: programs that they start can be interrupted, also when whoever started the tests can't be."""

from __future__ import annotations

import signal

from tests.node_kit import emulated

__all__ = ["emulated"]  # a fixture

# A shell ignores SIGINT for what it starts in the background, and every process beneath inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
