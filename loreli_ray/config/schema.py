"""What can be configured: one frozen section per concern, one described field per key.

Durations are float seconds and sizes whole bytes, whatever they were written as. A `Config` pickles, and
`Config.model_validate(config.model_dump(mode="json"))` is the same again. `Config()` holds the defaults.
Checks that concern two fields blame the one that was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from loreli_ray.config.command import PLACEHOLDERS, placeholders
from loreli_ray.config.mistakes import joined, mistake, mistake_at, one_of
from loreli_ray.config.units import Bytes, Seconds
from loreli_ray.config.vocabulary import PROVIDER_SIDES, ROLES, THEMES, FailureName, RoleName, SideName, provider_side

Association = Literal[
    "OWNER",
    "MEMBER",
    "COLLABORATOR",
    "CONTRIBUTOR",
    "FIRST_TIME_CONTRIBUTOR",
    "FIRST_TIMER",
    "MANNEQUIN",
    "NONE",
]
"""GitHub's `CommentAuthorAssociation`."""

MergeMethod = Literal["squash", "merge", "rebase"]
PromptStyle = Literal["paste", "argument", "file"]


# NUL ends an argument, and a lone surrogate (a byte of the environment that is not UTF-8) can't be written as JSON.
_NEVER = r"\0\ud800-\udfff"


def _matches(pattern: str, *, right: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise mistake("can't be used", right=right)
        return value

    return AfterValidator(check)


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 or 1
        raise mistake("is not a whole number", right="a number such as 4")
    return value


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise mistake(f"is not a regular expression ({error})", right="a pattern of Python's re module") from error
    return value


def _url(value: str) -> str:
    right = "an http or https URL such as https://api.github.com, without credentials, query or fragment"
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError as error:
        raise mistake(f"is not a URL ({error})", right=right) from error
    if not usable or url.username is not None or url.query or url.fragment or re.search(rf"[\s{_NEVER}]", value):
        raise mistake("is not the URL of an API", right=right)
    return value.rstrip("/")


def _listening(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or re.search(rf"[\s/{_NEVER}]", host) or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise mistake("is no address to listen on", right="an address and a port, such as 127.0.0.1:7718")
    return value


def _home(value: object) -> str:
    right = "an absolute path, or one that begins with ~"
    if not isinstance(value, str | Path) or not str(value).strip() or re.search(f"[{_NEVER}]", str(value)):
        raise mistake("is not a path", right=right)
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise mistake("is in the home folder of nobody", right=right) from error
    if not path.is_absolute():
        raise mistake("is a relative path", right=right)
    return str(path)


def _theme(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str | list | tuple) or not value:
        raise mistake("is neither a theme nor a list of themes", right=one_of(THEMES))
    names = (value,) if isinstance(value, str) else tuple(cast("Sequence[object]", value))
    for name in names:
        if name not in THEMES:
            raise mistake(f"{name!r} is not a theme", right=one_of(THEMES, near=name))
    return value if isinstance(value, str) else names


Text = Annotated[str, _matches(rf"(?s)(?=.*\S)[^{_NEVER}]+", right="text that is not blank, in UTF-8")]
Name = Annotated[str, _matches(r"[a-z0-9]+(-[a-z0-9]+)*", right="a name in kebab-case, such as my-agent")]
Variable = Annotated[str, _matches(r"[A-Za-z_][A-Za-z0-9_]*", right="the name of an environment variable")]
Argument = Annotated[str, _matches(rf"[^{_NEVER}]*", right="text in UTF-8 without NUL characters")]
Label = Annotated[str, _matches(rf"(?=\S)[^,\n\r{_NEVER}]{{1,50}}(?<=\S)", right="1 to 50 characters, without commas")]
Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Count = Annotated[Whole, Field(ge=1)]
Branch = Annotated[
    str,
    _matches(
        rf"(?![-/.])(?!.*(\.\.|//|/\.|@\{{|\.lock(/|$)))[^\s~^:?*\[\\\x01-\x20\x7f{_NEVER}]+(?<![/.])",
        right="the name of a branch (git check-ref-format)",
    ),
]


class Section(BaseModel):
    """A group of keys. Immutable; keys that are not listed are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HubConfig(Section):
    """The git host."""

    api_url: Annotated[str, AfterValidator(_url)] = Field(
        default="https://api.github.com", description="Where the git host's REST API is."
    )
    label: Label = Field(default="loreli", description="The label of the issues that the team may work on.")
    human_label: Label = Field(default="loreli:human", description="The label of what waits for a person.")
    merge_method: MergeMethod = Field(default="squash", description="How approved pull requests are merged.")
    base: Branch | None = Field(
        default=None,
        description="The branch to work from and to merge into; the repository's default branch if absent.",
    )
    min_write_interval: Seconds = Field(default=1.0, description="The least time between two writes to the git host.")
    poll: Annotated[Seconds, Field(gt=0)] = Field(
        default=15.0, description="How often the git host is asked whether something moved; costs nothing when not."
    )
    webhook: Annotated[str, AfterValidator(_listening)] | None = Field(
        default=None,
        description="Where to listen for the git host's webhook, as HOST:PORT; needs GITHUB_WEBHOOK_SECRET.",
    )
    max_text: Count = Field(
        default=20_000, description="How many characters of an issue, a comment or a review are read; the rest is cut."
    )
    working_label: Label = Field(default="loreli:working", description="The label of an issue that an agent works on.")
    review_label: Label = Field(default="loreli:review", description="The label of an issue that is being reviewed.")
    approved_label: Label = Field(
        default="loreli:approved",
        description="With one account: the label of what the other side approved; taken off, it is not landed.",
    )
    note_interval: Seconds = Field(
        default=60.0, description="The least time between two edits of the status comment beneath an issue."
    )
    up_to_date: bool = Field(
        default=True,
        description="Whether only what holds the present base is landed; else what has no conflict with it.",
    )
    required_checks: tuple[Text, ...] = Field(
        default=(), description="Checks that must be green before landing, beside those that the host requires."
    )
    check_timeout: Annotated[Seconds, Field(gt=0)] = Field(
        default=3600.0, description="How long a check may run before a human is asked."
    )
    reserve: Annotated[float, BeforeValidator(_no_truth_value), Field(ge=0, lt=1)] = Field(
        default=0.1, description="The share of each account's hourly requests that is left to the people who use it."
    )
    patience: Seconds = Field(
        default=30.0, description="How long a request waits when the git host asks to wait; longer ones are put off."
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        taken: dict[str, str] = {}
        for name in ("label", "human_label", "working_label", "review_label", "approved_label"):
            label = getattr(self, name).casefold()
            if label in taken:
                pair = (taken[label], name)
                blamed = next((one for one in reversed(pair) if one in self.model_fields_set), name)
                said = f"is both {to_camel(pair[0])} and {to_camel(pair[1])}"
                raise mistake_at(blamed, getattr(self, blamed), said, right="two labels that differ")
            taken[label] = name
        return self


class TrustConfig(Section):
    """Whose text may start or steer work."""

    associations: tuple[Association, ...] = Field(
        default=("OWNER", "MEMBER", "COLLABORATOR"),
        min_length=1,
        description="The relations to the repository that make an author trusted, as GitHub names them.",
    )
    adoption: bool = Field(
        default=True,
        description="Whether a stranger's issue is work once somebody who may write here gave it the label, until "
        "others edit it; needs the git host's GraphQL.",
    )


class TimeoutsConfig(Section):
    """How long is too long."""

    stall: Annotated[Seconds, Field(gt=0)] = Field(
        default=600.0,
        description="Without progress for this long an agent is nudged; twice this warned of; thrice removed.",
    )
    rapid_death: Seconds = Field(
        default=15.0, description="An agent that dies within this time of its start died rapidly."
    )
    busy: Seconds = Field(
        default=3600.0,
        description="How long processor time, or a tool call under way, excuses an agent that shows no progress.",
    )
    shutdown: Seconds = Field(
        default=60.0, description="How long an agent may take to end its work when asked to stop."
    )
    poll: Annotated[Seconds, Field(gt=0)] = Field(
        default=2.0,
        description="Accepted as the seed has it; who was asked to stop is looked at in each supervision.sweep.",
    )
    nudge: bool = Field(default=True, description="Whether a stalled agent is sent a message.")
    call: Annotated[Seconds, Field(gt=0)] = Field(
        default=10.0, description="How long one actor waits for another's answer."
    )
    start: Annotated[Seconds, Field(gt=0)] = Field(
        default=60.0, description="How long an agent's program may take until it is ready for its prompt."
    )


class ScalingConfig(Section):
    """How many agents there may be."""

    max_agents: Annotated[Whole, Field(ge=2)] = Field(
        default=8, description="The most agents at a time, dormant ones not counted; an author needs a reviewer."
    )
    max_per_role: dict[RoleName, Annotated[Whole, Field(ge=0)]] = Field(
        default={},
        description="The most agents of a role at a time; 0 forbids the role. Absent: only maxAgents counts.",
    )
    max_per_tick: Count = Field(default=2, description="The most agents started in one tick.")
    cooldown: Seconds = Field(default=30.0, description="The least time between two starts of agents of one role.")
    memory: Bytes = Field(default=512 * 2**20, description="The memory reserved for each agent on its node.")


class WatchConfig(Section):
    """The reactor's loop."""

    interval: Annotated[Seconds, Field(gt=0)] = Field(
        default=60.0,
        description="The time from the end of one tick to the start of the next, unless an event wakes it.",
    )


class ClaimsConfig(Section):
    """The leases on issues."""

    ttl: Annotated[Seconds, Field(ge=3)] = Field(default=600.0, description="How long a claim holds without a renewal.")
    grace: Seconds = Field(
        default=30.0, description="How long after its end a claim is still left alone, since clocks differ."
    )

    @model_validator(mode="after")
    def _grace_is_the_shorter(self) -> Self:
        if self.grace < self.ttl:
            return self
        if "grace" in self.model_fields_set:
            raise mistake_at("grace", self.grace, "is not shorter than ttl", right=f"less than {self.ttl:g}s")
        raise mistake_at("ttl", self.ttl, "is not longer than grace", right=f"more than {self.grace:g}s")


class ReviewConfig(Section):
    """The review of pull requests by the other side."""

    max_rounds: Count = Field(default=3, description="The rounds of review until a person is asked.")


class WorkspaceConfig(Section):
    """The clones that the agents work in."""

    cleanup: bool = Field(default=True, description="Whether an agent's clone is removed with it, its work being safe.")


class TmuxConfig(Section):
    """The terminals that the agents run in."""

    session: Annotated[str, _matches(r"[A-Za-z0-9_-]+", right="letters, digits, - and _")] = Field(
        default="loreli", description="The name of the tmux session."
    )
    history: Count = Field(default=2000, description="The lines that a pane remembers.")


class SupervisionConfig(Section):
    """The supervisor's watch over the agents."""

    lease: Seconds = Field(
        default=30.0, description="An agent that the supervisor has not reached for this long stops its own program."
    )
    sweep: Annotated[Seconds, Field(gt=0)] = Field(default=1.0, description="The time between two looks at all agents.")
    probe: Annotated[Seconds, Field(gt=0)] = Field(
        default=5.0, description="How long an agent may take to answer a look."
    )

    busy: Annotated[float, BeforeValidator(_no_truth_value), Field(gt=0, le=64)] = Field(
        default=0.2, description="The share of a processor from which an agent's processes count as working."
    )
    max_restarts: Annotated[Whole, Field(ge=0)] = Field(
        default=3, description="The most agents that may die unexpectedly on one issue within restartWindow."
    )
    restart_window: Annotated[Seconds, Field(gt=0)] = Field(
        default=3600.0, description="Beyond maxRestarts deaths within this time the issue waits for a person."
    )

    @model_validator(mode="after")
    def _lease_outlives_a_slow_sweep(self) -> Self:
        # One hung agent delays the next sweep by a whole probe; the leases of the others must not end meanwhile.
        least = self.sweep + self.probe
        if self.lease > least:
            return self
        blamed = next((key for key in ("lease", "probe", "sweep") if key in self.model_fields_set), "lease")
        wrong = (
            f"lets leases end between two sweeps (lease {self.lease:g}s, sweep {self.sweep:g}s, probe {self.probe:g}s)"
        )
        raise mistake_at(blamed, getattr(self, blamed), wrong, right="a lease longer than sweep and probe together")


class BackendConfig(Section):
    """An agent program of the user's own, or changes to how a known one is run."""

    command: tuple[Argument, ...] = Field(
        min_length=1,
        description="The program and its arguments; {" + "}, {".join(PLACEHOLDERS) + "} are filled in.",
    )
    provider: Name = Field(description="Who makes the model, such as anthropic or openai: it decides the side.")
    prompt: PromptStyle = Field(
        default="paste", description="How the program gets its task: pasted, as an argument, or from a file."
    )
    ready: Annotated[Text, AfterValidator(_regex)] | None = Field(
        default=None, description="A regular expression that is on the screen when the program is ready for its task."
    )
    failures: dict[FailureName, Annotated[Text, AfterValidator(_regex)]] = Field(
        default={},
        description="The program's own words that it can't go on: for each kind a regular expression for a whole line.",
    )
    env: dict[Variable, Argument] = Field(default={}, description="Environment variables for the program.")
    roles: tuple[RoleName, ...] = Field(default=ROLES, min_length=1, description="The roles that it may play.")
    models: dict[Name, Text] = Field(default={}, description="The model for each tier, such as balanced.")

    @field_validator("command")
    @classmethod
    def _placeholders_are_known(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0].strip():
            raise mistake("names no program", right="the program first, then its arguments")
        for name in placeholders(command):
            if name not in PLACEHOLDERS:
                raise mistake(f"{{{name}}} is no placeholder", right=one_of(PLACEHOLDERS, near=name))
        return command

    @field_validator("prompt")
    @classmethod
    def _prompt_has_a_place(cls, prompt: PromptStyle, info: ValidationInfo) -> PromptStyle:
        needed = {"argument": "prompt", "file": "prompt_file"}.get(prompt)
        if needed and "command" in info.data and needed not in placeholders(info.data["command"]):
            raise mistake("has no place in command", right=f"an argument with {{{needed}}} in command")
        return prompt


def _side_is_known(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> BackendConfig:
    """Wraps the check of a backend, so that a provider on no known side is reported with its other mistakes."""
    unknown = _provider_without_side(value, info)
    try:
        backend = check(value)
    except ValidationError as error:
        raise (joined(error, unknown) if unknown else error) from error
    if unknown:
        raise unknown
    return backend


def _provider_without_side(backend: object, info: ValidationInfo) -> ValidationError | None:
    given = cast("Mapping[str, object]", backend if isinstance(backend, Mapping) else getattr(backend, "__dict__", {}))
    provider = given.get("provider")
    # `sides` is absent here when it holds mistakes of its own; those are reported, and this waits.
    if not isinstance(provider, str) or "sides" not in info.data or provider_side(provider, info.data["sides"]):
        return None
    right = f"{one_of(list(PROVIDER_SIDES), near=provider)}; or its side under sides ({provider}: yin)"
    return mistake_at("provider", provider, "is on no known side", right=right)


class Config(Section):
    """Everything that can be configured."""

    repo: (
        Annotated[str, _matches(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9_.-]+", right="owner/name")] | None
    ) = Field(default=None, description="The repository to work on, as owner/name.")
    home: Annotated[Path, BeforeValidator(_home)] = Field(
        default_factory=lambda: Path("~/.loreli").expanduser(), description="Where sessions, logs and mirrors are kept."
    )
    theme: Annotated[str | tuple[str, ...] | None, BeforeValidator(_theme)] = Field(
        default=None, description="The theme of the agents' names, or several to choose from; any if absent."
    )
    model: Text = Field(default="balanced", description="The tier of the models, or the name of a model.")
    test: Text | None = Field(default=None, description="The command that tests the repository; agents are told of it.")
    hub: HubConfig = Field(default_factory=HubConfig, description="The git host.")
    trust: TrustConfig = Field(default_factory=TrustConfig, description="Whose text may start or steer work.")
    timeouts: TimeoutsConfig = Field(default_factory=TimeoutsConfig, description="How long is too long.")
    scaling: ScalingConfig = Field(default_factory=ScalingConfig, description="How many agents there may be.")
    watch: WatchConfig = Field(default_factory=WatchConfig, description="The reactor's loop.")
    claims: ClaimsConfig = Field(default_factory=ClaimsConfig, description="The leases on issues.")
    review: ReviewConfig = Field(default_factory=ReviewConfig, description="The review by the other side.")
    workspace: WorkspaceConfig = Field(
        default_factory=WorkspaceConfig, description="The clones that the agents work in."
    )
    tmux: TmuxConfig = Field(default_factory=TmuxConfig, description="The terminals that the agents run in.")
    supervision: SupervisionConfig = Field(
        default_factory=SupervisionConfig, description="The supervisor's watch over the agents."
    )
    sides: dict[Name, SideName] = Field(
        default={}, description="The side of a provider: for those that are not built in, or to overrule it."
    )
    backends: dict[Name, Annotated[BackendConfig, WrapValidator(_side_is_known)]] = Field(
        default={}, description="Agent programs by name."
    )
