from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from loreli_ray.config import BackendConfig, Config, Section

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]

EVERYTHING = """
repo: owner/name
home: /var/lib/loreli
theme: [lotr, zelda]
model: powerful
test: "[ -f x ] && make test"
hub: {apiUrl: "http://127.0.0.1:8080/api/", label: team, humanLabel: person, mergeMethod: rebase, base: release/1.x,
  minWriteInterval: 0, poll: 5s, webhook: "0.0.0.0:80", maxText: 500,
  workingLabel: doing, reviewLabel: judging, approvedLabel: good,
  noteInterval: 10s, upToDate: no, requiredChecks: [build], checkTimeout: 10m, reserve: 0.25, patience: 1s}
trust: {associations: [OWNER, NONE], adoption: no}
timeouts: {stall: 20m, rapidDeath: 1s, busy: 30m, shutdown: 2s, poll: 100ms, nudge: false, call: 1s, start: 3s}
scaling: {maxAgents: 3, maxPerRole: {action: 2, risk: 0}, maxPerTick: 1, cooldown: 0, memory: 1GiB}
watch: {interval: 5s}
claims: {ttl: 60s, grace: 5s}
review: {maxRounds: 2}
workspace: {cleanup: no}
tmux: {session: team-1, history: 500}
supervision: {lease: 8s, sweep: 500ms, probe: 2s, busy: 0.5, maxRestarts: 1, restartWindow: 10m}
sides: {acme: yin, openai: yang}
backends:
  my-agent:
    command: [agent, --mcp, "{mcp_url}", "{prompt}"]
    provider: acme
    prompt: argument
    ready: "^> $"
    failures: {quota: "out of quota.*", rate_limit: "slow down"}
    env: {NO_COLOR: "1"}
    roles: [action, planner]
    models: {balanced: acme-2}
  other: {command: [other], provider: cursor-openai}
"""


def test_defaults() -> None:
    dumped = Config().model_dump(mode="json")
    assert dumped.pop("home") == str(Path("~/.loreli").expanduser())
    assert dumped == {
        "repo": None,
        "theme": None,
        "model": "balanced",
        "test": None,
        "hub": {
            "api_url": "https://api.github.com",
            "label": "loreli",
            "human_label": "loreli:human",
            "merge_method": "squash",
            "base": None,
            "min_write_interval": 1.0,
            "poll": 15.0,
            "webhook": None,
            "max_text": 20_000,
            "working_label": "loreli:working",
            "review_label": "loreli:review",
            "approved_label": "loreli:approved",
            "note_interval": 60.0,
            "up_to_date": True,
            "required_checks": [],
            "check_timeout": 3600.0,
            "reserve": 0.1,
            "patience": 30.0,
        },
        "trust": {"associations": ["OWNER", "MEMBER", "COLLABORATOR"], "adoption": True},
        "timeouts": {
            "stall": 600.0,
            "rapid_death": 15.0,
            "busy": 3600.0,
            "shutdown": 60.0,
            "poll": 2.0,
            "nudge": True,
            "call": 10.0,
            "start": 60.0,
        },
        "scaling": {"max_agents": 8, "max_per_role": {}, "max_per_tick": 2, "cooldown": 30.0, "memory": 536_870_912},
        "watch": {"interval": 60.0},
        "claims": {"ttl": 600.0, "grace": 30.0},
        "review": {"max_rounds": 3},
        "workspace": {"cleanup": True},
        "tmux": {"session": "loreli", "history": 2000},
        "supervision": {
            "lease": 30.0,
            "sweep": 1.0,
            "probe": 5.0,
            "busy": 0.2,
            "max_restarts": 3,
            "restart_window": 3600.0,
        },
        "sides": {},
        "backends": {},
    }


def test_the_defaults_pass_their_own_checks() -> None:
    assert Config.model_validate(Config().model_dump()) == Config()


def test_every_key_can_be_set_and_differs_from_its_default(read: Load) -> None:
    config = read(EVERYTHING)

    def leaves(section: Section) -> Iterator[tuple[str, object]]:
        for name in type(section).model_fields:
            value = getattr(section, name)
            if isinstance(value, Section):
                yield from ((f"{name}.{inner}", leaf) for inner, leaf in leaves(value))
            else:
                yield name, value

    defaults = dict(leaves(Config()))
    assert [name for name, value in leaves(config) if value == defaults[name]] == []
    backend = config.backends["my-agent"]
    unset = BackendConfig(command=("x",), provider="openai")
    assert [name for name, value in leaves(backend) if value == dict(leaves(unset))[name]] == []
    assert config.hub.api_url == "http://127.0.0.1:8080/api"
    assert config.backends["other"].roles == ("planner", "action", "reviewer", "risk")


def test_a_configuration_pickles_and_survives_a_dump(read: Load) -> None:
    config = read(EVERYTHING)
    assert pickle.loads(pickle.dumps(config)) == config
    assert Config.model_validate(config.model_dump(mode="json")) == config
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_it_is_frozen() -> None:
    config = Config()
    with pytest.raises(ValidationError, match="frozen"):
        config.scaling.max_agents = 1  # pyright: ignore[reportAttributeAccessIssue]


def sections(section: type[Section]) -> Iterator[type[Section]]:
    yield section
    for field in section.model_fields.values():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from sections(kind)


@pytest.mark.parametrize("section", [*sections(Config), BackendConfig], ids=lambda section: section.__name__)
def test_every_key_is_described(section: type[Section]) -> None:
    assert section.__doc__
    for name, field in section.model_fields.items():
        assert (field.description or "").endswith("."), f"{section.__name__}.{name}"


BAD = [
    ("repo: name", "repo", "'name'", "owner/name"),
    ("repo: a/b/c", "repo", "'a/b/c'", "owner/name"),
    ("repo: a/..", "repo", "'a/..'", "owner/name"),
    ("home: relative", "home", "'relative'", "absolute"),
    ("home: ~no-such-user-here/x", "home", "'~no-such-user-here/x'", "absolute"),
    ("home: 4", "home", "4", "absolute"),
    ("theme: lotrr", "theme", "'lotrr'", "lotr is nearest"),
    ("theme: [lotr, narnia]", "theme", "['lotr', 'narnia']", "'narnia' is not a theme"),
    ("theme: []", "theme", "[]", "one of avatar, "),
    ("theme: 4", "theme", "4", "one of avatar, "),
    ("theme: {a: b}", "theme", "{'a': 'b'}", "one of avatar, "),
    ("theme: [[lotr]]", "theme", "[['lotr']]", "['lotr'] is not a theme"),
    ("model: ''", "model", "''", "text that is not blank"),
    ("model: 4", "model", "4", "in quotes"),
    ("model:", "model", "None", "in quotes"),
    ("test: '  '", "test", "'  '", "text that is not blank"),
    ("hub: {apiUrl: api.github.com}", "hub.apiUrl", "'api.github.com'", "an http or https URL"),
    ("hub: {apiUrl: 'https://me:secret@host'}", "hub.apiUrl", "'https://me:secret@host'", "without credentials"),
    ("hub: {apiUrl: 'https://host:70000'}", "hub.apiUrl", "'https://host:70000'", "an http or https URL"),
    ("hub: {label: 'a,b'}", "hub.label", "'a,b'", "without commas"),
    ("hub: {label: 'loreli:human'}", "hub.label", "'loreli:human'", "two labels that differ"),
    ("hub: {humanLabel: loreli}", "hub.humanLabel", "'loreli'", "two labels that differ"),
    ("hub: {merge_method: sqash}", "hub.merge_method", "'sqash'", "squash is nearest"),
    ("hub: {base: 'a b'}", "hub.base", "'a b'", "the name of a branch"),
    ("hub: {base: 'a..b'}", "hub.base", "'a..b'", "the name of a branch"),
    ("trust: {associations: OWNER}", "trust.associations", "'OWNER'", "a list such as"),
    ("trust: {associations: []}", "trust.associations", "[]", "at least one entry"),
    ("trust: {associations: [OWNER, ONWER]}", "trust.associations[1]", "'ONWER'", "OWNER is nearest"),
    ("timeouts: {stall: 0}", "timeouts.stall", "0", "more than 0"),
    ("timeouts: {nudge: maybe}", "timeouts.nudge", "'maybe'", "true or false"),
    ("scaling: {maxAgents: 0}", "scaling.maxAgents", "0", "2 or more"),
    ("scaling: {maxAgents: true}", "scaling.maxAgents", "True", "a number such as 4"),
    ("scaling: {maxAgents: many}", "scaling.maxAgents", "'many'", "a number such as 4"),
    ("scaling: {maxAgents: 1.5}", "scaling.maxAgents", "1.5", "a number such as 4"),
    ("scaling: {maxPerRole: {action: -1}}", "scaling.maxPerRole.action", "-1", "0 or more"),
    ("scaling: {maxPerRole: {actoin: 1}}", "scaling.maxPerRole.actoin", "'actoin'", "action is nearest"),
    ("scaling: {maxPerRole: 4}", "scaling.maxPerRole", "4", "keys with values"),
    ("claims: {ttl: 2s, grace: 1s}", "claims.ttl", "'2s'", "3 or more"),
    ("claims: {ttl: 10s}", "claims.ttl", "'10s'", "more than 30s"),
    ("claims: {grace: 10m}", "claims.grace", "'10m'", "less than 600s"),
    ("review: {maxRounds: 0}", "review.maxRounds", "0", "1 or more"),
    ("tmux: {session: 'a:b'}", "tmux.session", "'a:b'", "letters, digits"),
    ("tmux: 4", "tmux", "4", "keys with values"),
    ("supervision: {lease: 6s}", "supervision.lease", "'6s'", "sweep and probe together"),
    ("supervision: {probe: 1m}", "supervision.probe", "'1m'", "sweep and probe together"),
    ("supervision: {sweep: 1m}", "supervision.sweep", "'1m'", "sweep and probe together"),
    ("sides: {acme: left}", "sides.acme", "'left'", "one of yin, yang"),
    ("sides: {Acme: yin}", "sides.Acme", "'Acme'", "kebab-case"),
]


@pytest.mark.parametrize(("text", "key", "value", "right"), BAD, ids=[row[0] for row in BAD])
def test_a_mistake_names_file_key_value_and_what_would_be_right(
    mistakes: Mistakes, text: str, key: str, value: str, right: str
) -> None:
    (line,) = mistakes(text)
    assert line.startswith(f"loreli.yml:1: {key}: {value}: ")
    assert right in line
    assert "; " in line


BAD_BACKENDS = [
    ("{provider: openai}", "command", "nothing", "The program and its arguments"),
    ("{command: [x]}", "provider", "nothing", "Who makes the model"),
    ("{command: x, provider: openai}", "command", "'x'", "a list such as"),
    ("{command: [], provider: openai}", "command", "[]", "at least one entry"),
    ("{command: [''], provider: openai}", "command", "['']", "the program first"),
    ("{command: [sleep, 5], provider: openai}", "command[1]", "5", "in quotes"),
    ("{command: [x, '{agnet}'], provider: openai}", "command", "['x', '{agnet}']", "agent is nearest"),
    ("{command: [x], provider: acme}", "provider", "'acme'", "under sides (acme: yin)"),
    ("{command: [x], provider: opnai}", "provider", "'opnai'", "openai is nearest"),
    ("{command: [x], provider: Open AI}", "provider", "'Open AI'", "sides"),
    ("{command: [x], provider: openai, prompt: argument}", "prompt", "'argument'", "{prompt} in command"),
    ("{command: [x, '{prompt}'], provider: openai, prompt: file}", "prompt", "'file'", "{prompt_file} in command"),
    ("{command: [x], provider: openai, prompt: pipe}", "prompt", "'pipe'", "one of paste, argument, file"),
    ("{command: [x], provider: openai, ready: '('}", "ready", "'('", "a pattern of Python's re"),
    ("{command: [x], provider: openai, ready: ''}", "ready", "''", "not blank"),
    ("{command: [x], provider: openai, env: {PORT: 80}}", "env.PORT", "80", "in quotes"),
    ("{command: [x], provider: openai, env: {A-B: c}}", "env.A-B", "'A-B'", "environment variable"),
    ("{command: [x], provider: openai, roles: []}", "roles", "[]", "at least one entry"),
    ("{command: [x], provider: openai, roles: [action, reviwer]}", "roles[1]", "'reviwer'", "reviewer is nearest"),
    ("{command: [x], provider: openai, models: {balanced: ''}}", "models.balanced", "''", "not blank"),
    ("{command: [x], provider: openai, promt: file}", "promt", "'file'", "backends.a.prompt is nearest"),
]


@pytest.mark.parametrize(("text", "key", "value", "right"), BAD_BACKENDS, ids=[row[0] for row in BAD_BACKENDS])
def test_a_mistake_in_a_backend(mistakes: Mistakes, text: str, key: str, value: str, right: str) -> None:
    lines = mistakes(f"backends:\n  a: {text}")
    assert lines[0].startswith(f"loreli.yml:2: backends.a.{key}: {value}: ")
    assert any(right in line for line in lines)


def test_all_mistakes_of_all_backends_are_reported_at_once(mistakes: Mistakes) -> None:
    lines = mistakes(
        "sides: {known: yang}\n"
        "backends:\n"
        "  one: {command: [x, '{what}'], provider: acme}\n"
        "  two: {command: [x], provider: acme, ready: '('}\n"
        "  three: {command: [x], provider: cursor-known}\n"
        "  Four: {command: [x], provider: openai}\n"
    )
    assert sorted(line.split(": ")[1] for line in lines) == [
        "backends.Four",
        "backends.one.command",
        "backends.one.provider",
        "backends.two.provider",
        "backends.two.ready",
    ]


def test_a_mistake_in_sides_is_not_blamed_on_the_backends(mistakes: Mistakes) -> None:
    (line,) = mistakes("sides: {acme: ying}\nbackends: {a: {command: [x], provider: acme}}")
    assert line.startswith("loreli.yml:1: sides.acme: 'ying': ")
    assert "yin is nearest" in line


def test_python_is_checked_too() -> None:
    with pytest.raises(ValidationError, match="is on no known side"):
        Config(backends={"a": BackendConfig(command=("x",), provider="acme")})
    assert Config(sides={"acme": "yin"}, backends={"a": BackendConfig(command=("x",), provider="acme")}).backends
