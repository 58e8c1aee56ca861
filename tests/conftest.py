"""For all tests: however a run is ended, by Ctrl-C or by a time-out of CI, what its tests started ends with it."""

from __future__ import annotations

import signal

from tests.node_kit import emulated

__all__ = ["emulated"]  # a fixture

# A shell ignores SIGINT for what it starts in the background, and every process beneath inherits that. SIGTERM would
# end pytest on the spot, with no fixture torn down: sockets, tmux servers and Ray would live on.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
