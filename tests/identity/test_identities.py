from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from loreli_ray.errors import IdentityError
from loreli_ray.identity import Identities, Identity, Side, Sides, Theme, themes

PROVIDERS = ("anthropic", "openai", "cursor-openai", "mistral")
SMALL = {
    "duo": Theme(name="duo", pairs=(("ann", "bob"), ("cat", "dog"))),
    "solo": Theme(name="solo", pairs=(("ann", "zed"),)),
}


@pytest.fixture
def identities() -> Identities:
    return Identities(Sides({}))


def names(identities: Identities, provider: str, count: int, *, theme: str = "duo") -> list[str]:
    return [identities.acquire(provider, theme=theme).name for _ in range(count)]


def test_an_identity_carries_all_that_was_asked_and_pickles(identities: Identities) -> None:
    identity = identities.acquire("cursor-openai", theme="lotr")
    assert identity == Identity(name="saruman", theme="lotr", provider="cursor-openai", side=Side.YANG)
    assert pickle.loads(pickle.dumps(identity)) == identity
    assert identities.in_use == (identity,)


def test_the_antagonist_of_a_live_opponent_goes_first(identities: Identities) -> None:
    assert identities.acquire("openai", theme="lotr", prefer_opponents_of=["legolas", "gimli"]).name == "lurtz"
    assert identities.acquire("openai", theme="lotr", prefer_opponents_of=["legolas", "gimli"]).name == "bolg"
    assert identities.acquire("openai", theme="lotr", prefer_opponents_of=["legolas", "gimli"]).name == "saruman"


@pytest.mark.parametrize("rival", ["saruman", "goku", "nobody"])
def test_a_rival_of_the_same_side_or_of_another_theme_changes_nothing(identities: Identities, rival: str) -> None:
    assert identities.acquire("openai", theme="lotr", prefer_opponents_of=[rival]).name == "saruman"


def test_a_numbered_rival_is_faced_by_its_number(identities: Identities) -> None:
    assert identities.acquire("openai", theme="lotr", prefer_opponents_of=["gandalf-2"]).name == "saruman-2"


def test_numbered_names_follow_when_all_are_used() -> None:
    identities = Identities(Sides({}), themes=SMALL)
    assert names(identities, "anthropic", 5) == ["ann", "cat", "ann-2", "cat-2", "ann-3"]
    assert names(identities, "openai", 3) == ["bob", "dog", "bob-2"]


def test_taken_names_are_passed_over_whatever_their_antagonist_does() -> None:
    identities = Identities(Sides({}), themes=SMALL)
    taken = ["ann", "bob", "cat-2"]
    assert [identities.acquire("anthropic", theme="duo", taken=taken).name for _ in range(3)] == [
        "cat",
        "ann-2",
        "ann-3",
    ]
    assert identities.acquire("openai", theme="duo", prefer_opponents_of=["ann"], taken=taken).name == "dog"


def test_a_name_is_used_once_even_when_two_themes_have_it() -> None:
    identities = Identities(Sides({}), themes=SMALL)
    assert identities.acquire("anthropic", theme="duo").name == "ann"
    assert identities.acquire("anthropic", theme="solo").name == "ann-2"


def test_release_frees_the_name_and_may_be_said_twice(identities: Identities) -> None:
    identity = identities.acquire("anthropic", theme="lotr")
    identities.release(identity)
    identities.release(identity)
    assert identities.in_use == ()
    assert identities.acquire("anthropic", theme="lotr") == identity


def test_a_late_release_does_not_free_what_another_holds_by_now(identities: Identities) -> None:
    old = identities.acquire("anthropic", theme="lotr")
    identities.release(old)
    new = identities.acquire("mistral", theme="lotr")
    assert new.name == old.name
    identities.release(old)
    assert identities.in_use == (new,)


def test_restore_after_a_restart(identities: Identities) -> None:
    before = Identity(name="gandalf", theme="lotr", provider="anthropic", side=Side.YIN)
    identities.restore(before)
    identities.restore(before)
    assert identities.in_use == (before,)
    assert identities.acquire("anthropic", theme="lotr").name != "gandalf"
    other = Identity(name="gandalf", theme="lotr", provider="mistral", side=Side.YIN)
    with pytest.raises(IdentityError, match="gandalf: is in use already, for anthropic"):
        identities.restore(other)


def test_an_unknown_theme_or_provider_is_refused_and_changes_nothing(identities: Identities) -> None:
    with pytest.raises(IdentityError, match="narnia: is not a theme; there are avatar, "):
        identities.acquire("anthropic", theme="narnia")
    with pytest.raises(IdentityError, match="narnia"):
        identities.opponent("narnia", "aslan")
    with pytest.raises(IdentityError, match="acme: is on no known side"):
        identities.acquire("acme", theme="lotr")
    assert identities.in_use == ()


def test_opponent(identities: Identities) -> None:
    assert identities.opponent("lotr", "gandalf") == "saruman"
    assert identities.opponent("lotr", "saruman-3") == "gandalf-3"
    assert identities.opponent("lotr", "goku") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PROVIDERS),
            st.sampled_from(["lotr", "zelda"]),
            st.lists(st.sampled_from(["gandalf", "link"])),
        ),
        max_size=60,
    )
)
def test_the_same_questions_get_the_same_answers(questions: list[tuple[str, str, list[str]]]) -> None:
    def answers() -> list[Identity]:
        identities = Identities(Sides({}))
        return [identities.acquire(p, theme=t, prefer_opponents_of=rivals) for p, t, rivals in questions]

    assert answers() == answers()


class Lives(RuleBasedStateMachine):
    """Any sequence of acquire, release and restore, against a plain model: the identities that are live."""

    given_out = Bundle[Identity]("given_out")
    gone = Bundle[Identity]("gone")

    def __init__(self) -> None:
        super().__init__()
        self.identities = Identities(Sides({}), themes=SMALL)
        self.live: dict[str, Identity] = {}

    @rule(
        target=given_out,
        provider=st.sampled_from(PROVIDERS),
        theme=st.sampled_from(sorted(SMALL)),
        rivals=st.lists(st.sampled_from(["ann", "bob", "cat-2", "zed", "nobody"])),
        taken=st.sets(st.sampled_from(["ann", "bob", "cat", "dog", "zed", "ann-2"])),
    )
    def acquire(self, provider: str, theme: str, rivals: list[str], taken: set[str]) -> Identity:
        identity = self.identities.acquire(provider, theme=theme, prefer_opponents_of=rivals, taken=taken)
        assert identity.name not in self.live.keys() | taken
        assert identity.side is Sides({}).of(provider)
        opponent = SMALL[theme].opponent(identity.name)
        assert opponent is not None
        assert opponent[1] is identity.side.opposite
        self.live[identity.name] = identity
        return identity

    @rule(target=gone, identity=consumes(given_out))
    def release(self, identity: Identity) -> Identity:
        self.identities.release(identity)
        self.live.pop(identity.name)
        return identity

    @rule(identity=gone)
    def release_again(self, identity: Identity) -> None:
        if self.live.get(identity.name) != identity:
            self.identities.release(identity)

    @rule(target=given_out, identity=consumes(gone))
    def restore(self, identity: Identity) -> Identity | MultipleResults[Identity]:
        if identity.name in self.live:
            return multiple()  # the name is another's by now
        self.identities.restore(identity)
        self.live[identity.name] = identity
        return identity

    @invariant()
    def in_use_is_what_lives(self) -> None:
        assert {identity.name: identity for identity in self.identities.in_use} == self.live
        assert len(self.identities.in_use) == len(self.live)


TestLives = Lives.TestCase


def test_a_big_team_faces_itself_in_pairs() -> None:
    identities = Identities(Sides({}))
    yin = [identities.acquire("anthropic", theme="marvel") for _ in range(30)]
    for writer in reversed(yin):
        reviewer = identities.acquire("openai", theme="marvel", prefer_opponents_of=[writer.name])
        assert themes()["marvel"].opponent(writer.name) == (reviewer.name, Side.YANG)
