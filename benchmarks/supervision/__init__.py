"""What supervision costs and how quick it is, against the seed's way and against bare Ray, all in one run.

`observation`: one look at many panes, the product's and the seed's, without Ray. `transport`: the same look told to a
supervisor that judges it, with the product's own actors. `bare`: what Ray alone costs. `team`: a real session: starts,
turns, deaths, and what twenty idle agents cost. `figures` is what comes out.
"""

import loreli_ray.actors as actors  # before anything here imports Ray, which reads its authentication mode only then

__all__ = ["actors"]
