"""The actor system: the only room that imports Ray. Thin shells around the rooms beneath.

Ray reads its authentication mode once, when it is first imported; a cluster without tokens is anybody's. So it is set
here, before any module of this room imports Ray; who has a cluster of another mode says so in the environment.
"""

import os

os.environ.setdefault("RAY_AUTH_MODE", "token")
