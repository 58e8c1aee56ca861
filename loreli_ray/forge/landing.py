"""The commit that a merge of a pull request moves its base branch to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loreli_ray.errors import GitError
from loreli_ray.forge.records import Pull, Repository, User
from loreli_ray.forge.refusal import Refusal, unprocessable
from loreli_ray.forge.repository import Commit, GitRepository, Signature, signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """How a pull request is to be merged: `method` is merge, squash or rebase; None of the texts: GitHub's default."""

    repository: Repository
    pull: Pull
    author: User
    actor: User
    method: str
    title: str | None
    message: str | None
    now: float

    def commit(self, git: GitRepository, commits: Sequence[Commit]) -> str:
        """Writes it; the base branch stays where it is. `commits` are the pull request's, oldest first.

        Raises `Refusal`: 405 where there is a conflict, 422 for a text or name that git does not take.
        """
        tree = git.merged_tree(self.pull.base_sha, self.pull.head_sha)
        if tree is None:
            raise Refusal(405, "Pull Request is not mergeable")
        try:
            if self.method == "rebase":
                return self._rebased(git, commits)
            if self.method == "squash":
                return self._squashed(git, commits, tree)
            return self._merged(git, tree)
        except GitError as error:
            raise unprocessable(f"The merge commit can't be made: {error.message}") from error

    @property
    def _who(self) -> Signature:
        return signature(self.actor, self.now)

    def _rebased(self, git: GitRepository, commits: Sequence[Commit]) -> str:
        plain = [commit for commit in commits if len(commit.parents) == 1]
        tip = git.replay(plain, onto=self.pull.base_sha, committer=self._who)
        if tip is None:
            raise Refusal(405, "This branch can't be rebased")
        return tip

    def _squashed(self, git: GitRepository, commits: Sequence[Commit], tree: str) -> str:
        body = _squash_body(commits) if self.message is None else self.message
        return git.commit_tree(
            tree=tree,
            parents=[self.pull.base_sha],
            message=_join(self.title or self._squash_title(commits), body),
            author=signature(self.author, self.now),
            committer=self._who,
        )

    def _merged(self, git: GitRepository, tree: str) -> str:
        branch = f"{self.repository.owner}/{self.pull.head_ref}"
        title = self.title or f"Merge pull request #{self.pull.number} from {branch}"
        return git.commit_tree(
            tree=tree,
            parents=[self.pull.base_sha, self.pull.head_sha],
            message=_join(title, self.pull.title if self.message is None else self.message),
            author=self._who,
            committer=self._who,
        )

    def _squash_title(self, commits: Sequence[Commit]) -> str:
        """GitHub's default: the commit's own title if there is only one, else the pull request's."""
        return f"{commits[0].title if len(commits) == 1 else self.pull.title} (#{self.pull.number})"


def _squash_body(commits: Sequence[Commit]) -> str:
    if len(commits) == 1:
        return commits[0].message.partition("\n")[2].strip()
    return "\n\n".join(f"* {commit.message}" for commit in commits)


def _join(title: str, body: str) -> str:
    return f"{title}\n\n{body}" if body else title
