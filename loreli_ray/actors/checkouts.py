"""The mirror and the clones of one node, for its actor: the workspace room in threads, with the hub's credential.

The credential is asked for when it is needed and kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from loreli_ray.actors.calls import Peer
from loreli_ray.errors import Conflict, RemoteUnavailable, ToolRefused, WorkspaceError
from loreli_ray.git import GitCredential
from loreli_ray.model import AgentSpec, Assignment, Fence, Remote, Role
from loreli_ray.workspace import Identity, Mirror, Workspace

_TRIES = 5


class Checkouts:
    """The repository on one node: `mirror.git`, and a clone for each agent, under `folder`."""

    def __init__(self, folder: Path, *, hub: Peer) -> None:
        self._folder = folder
        self._hub = hub

    def path(self, agent: str) -> Path:
        return self._folder / "agents" / agent / "workspace"

    async def sync(self) -> Mirror:
        """The mirror, brought up to date."""
        mirror, credential = await self._mirror()
        await asyncio.to_thread(mirror.sync, credential)
        return mirror

    async def prepare(self, spec: AgentSpec) -> Path:
        """A clone for a new agent, at the head of the base branch; one that an earlier actor made is kept."""
        path = self.path(spec.name)
        if path.exists():
            return path
        mirror = await self.sync()
        base: str = await self._hub.call("base_branch")
        identity = Identity(name=spec.name, email=f"{spec.name}@loreli.invalid")
        await asyncio.to_thread(
            Workspace.create, mirror, path=path, branch=f"{spec.name}/idle", start=base, identity=identity
        )
        return path

    async def stage(self, spec: AgentSpec, assignment: Assignment) -> None:
        """Clears the agent's clone for its assignment: a branch of its own, or a reviewed head."""
        await self.sync()
        workspace = await asyncio.to_thread(Workspace, self.path(spec.name))
        if assignment.role is Role.REVIEWER:
            await asyncio.to_thread(workspace.checkout_detached, assignment.start)
        else:
            await asyncio.to_thread(workspace.begin, assignment.branch, assignment.start)

    async def head(self, agent: str) -> str | None:
        """The commit that the agent's clone has checked out."""
        workspace = await asyncio.to_thread(Workspace, self.path(agent))
        return await asyncio.to_thread(workspace.head)

    async def push(self, agent: str, *, branch: str, base: str, fence: Callable[[], Awaitable[Fence]]) -> str:
        """Pushes the agent's branch from the mirror, and renews its claim in the same instant; the branch's commit.

        That the host merged `base` into it meanwhile is no obstacle, see `Mirror.push`.

        `fence` is asked right before the push; and again when the claim had moved by then, for the reactor renews it,
        too. `ToolRefused` says what the agent can do about it; `RemoteUnavailable` is not the agent's business.
        """
        mirror = await self.sync()
        _, credential = await self._mirror()
        for _ in range(_TRIES):
            try:
                return await asyncio.to_thread(_push, mirror, self.path(agent), branch, base, credential, await fence())
            except Conflict:
                continue
            except RemoteUnavailable:
                raise
            except WorkspaceError as error:
                raise ToolRefused(str(error), subject=agent) from error
        raise RemoteUnavailable("the claim does not hold still", subject=branch)

    async def rescue(self, spec: AgentSpec, issue: int) -> str | None:
        """Pushes what is in the agent's clone and nowhere else to a branch of its own; None when there is nothing."""
        path = self.path(spec.name)
        if not path.exists():
            return None
        mirror, credential = await self._mirror()
        name = f"{issue}-{spec.incarnation}"
        return await asyncio.to_thread(mirror.rescue, clone=path, agent=spec.name, ref_name=name, credential=credential)

    async def remove(self, agent: str) -> None:
        """Removes the agent's clone; nothing happens when there is none."""
        path = self.path(agent)
        if path.exists():
            workspace = await asyncio.to_thread(Workspace, path)
            await asyncio.to_thread(workspace.remove)

    async def _mirror(self) -> tuple[Mirror, GitCredential]:
        remote: Remote = await self._hub.call("push_remote")
        return Mirror(self._folder / "mirror.git", remote=remote.url), remote.credential


def _push(mirror: Mirror, clone: Path, branch: str, base: str, credential: GitCredential, fence: Fence) -> str:
    """What the remote has there now is what the push expects: the claim, not the branch, decides whose it is."""
    try:
        expected = mirror.head(branch)
    except WorkspaceError:
        expected = None
    return mirror.push(clone=clone, branch=branch, expected=expected, base=base, credential=credential, fence=fence)
