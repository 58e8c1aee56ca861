"""What Ray's prestarted workers import before they are given an actor: the modules that cost the most time."""

import loreli_ray.actors.agent
import loreli_ray.actors.hub
import loreli_ray.actors.node
import loreli_ray.actors.reactor
import loreli_ray.actors.scaler
import loreli_ray.actors.supervisor  # noqa: F401
