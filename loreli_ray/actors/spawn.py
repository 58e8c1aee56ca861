"""Creating actors: their names, resources and places, in one module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from loreli_ray.actors.calls import NAMESPACE, actor_name
from loreli_ray.actors.settings import SessionSettings
from loreli_ray.errors import SessionError
from loreli_ray.model import AgentSpec

#: Never 0 and never unset: an actor without demand ignores where it was put, one with the default holds a CPU for life.
CPUS = 0.01
SLOT = "loreli_slot"
NODE_LABEL = "loreli/node"
_HEAD = "node:__internal_head__"
_CALLS = 1000


def create_control(kind: str, actor: type, settings: SessionSettings) -> Any:
    """A control actor on the head node, restarted for ever; the one that is there already, if there is one."""
    options = _options(settings, kind, max_restarts=-1, resources={_HEAD: 0.001})
    return ray.remote(num_cpus=CPUS)(actor).options(**options).remote(settings)


def node_key(node: Mapping[str, Any]) -> str:
    """What a session knows a node by, of one entry of `ray.nodes()`.

    A label of ours stays when Ray is started anew, so that agents find their panes again; Ray's own id changes.
    """
    return str(node["Labels"].get(NODE_LABEL) or node["NodeID"])


def create_node(node: str, settings: SessionSettings) -> Any:
    """The Node actor of one node, on exactly that node. Raises `SessionError` when that node is gone."""
    from loreli_ray.actors.node import NodeActor

    options = _options(settings, "node", node[:12], max_restarts=-1, scheduling_strategy=_on(node))
    return ray.remote(num_cpus=CPUS)(NodeActor).options(**options).remote(settings, node)


def create_agent(spec: AgentSpec, settings: SessionSettings) -> Any:
    """An agent's actor on its node. The supervisor alone restarts agents, so Ray does not.

    Raises `SessionError` when that node is gone.
    """
    from loreli_ray.actors.agent import Agent

    options = _options(
        settings,
        "agent",
        spec.name,
        max_restarts=0,
        resources={SLOT: 1},
        memory=settings.config.scaling.memory,
        scheduling_strategy=_on(spec.node),
    )
    remote: Any = ray.remote(num_cpus=CPUS, concurrency_groups={"health": 1})  # pyright: ignore[reportCallIssue]
    return remote(Agent).options(**options).remote(spec, settings)


def _options(settings: SessionSettings, kind: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": actor_name(settings.id, kind, name),
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "max_concurrency": _CALLS,
        **more,
    }


def _on(key: str) -> NodeAffinitySchedulingStrategy:
    for node in ray.nodes():
        if node["Alive"] and node_key(node) == key:
            return NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
    raise SessionError("this node is gone", subject=key)
