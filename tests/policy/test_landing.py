"""What a host's refusal to merge means: GitHub's own words."""

from __future__ import annotations

import pytest

from loreli_ray.policy.landing import gated


@pytest.mark.parametrize(
    "message",
    [
        'Required status check "test" is expected.',
        "2 of 2 required status checks have not succeeded: 1 expected.",
        "At least 1 approving review is required by reviewers with write access.",
        "At least 2 approving reviews are needed",
        "Waiting on code owner review from pat.",
        "Protected branch update failed for refs/heads/main.",
        "Repository rule violations found\n\nChanges must be made through the merge queue",
        "Changes must be made through a pull request.",
        "Commits must have verified signatures.",
        "A conversation must be resolved before this pull request can be merged.",
        "You're not authorized to push to this branch.",
        "Merge commits are not allowed on this repository.",
        "Squash merges are not allowed on this repository.",
    ],
)
def test_only_a_person_can_change_it(message: str) -> None:
    assert gated(f"405 {message}")


@pytest.mark.parametrize(
    "message",
    [
        "Pull Request is not mergeable",
        "Base branch was modified. Review and try the merge again.",
        "Head branch was modified. Review and try the merge again.",
        "Merge conflict",
        "Resource not accessible by personal access token",
        "",
    ],
)
def test_asking_again_may_help(message: str) -> None:
    assert not gated(f"405 {message}")
