from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loreli_ray.config import Config
from loreli_ray.config.loading import find, load
from loreli_ray.errors import ConfigError, UsageError

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]


def test_without_a_file_there_are_the_defaults() -> None:
    assert load(None, environment={}) == Config()


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "---\n", "null", "{}", "scaling:\nbackends:\n  # all to come\n"]
)
def test_an_empty_file_is_no_mistake(read: Load, text: str) -> None:
    assert read(text) == Config()


def test_both_spellings_of_keys(read: Load) -> None:
    config = read("scaling: {maxAgents: 3, max_per_tick: 1}\nhub: {apiUrl: 'http://x', min_write_interval: 5}")
    assert (config.scaling.max_agents, config.scaling.max_per_tick, config.hub.min_write_interval) == (3, 1, 0.005)


def test_the_stronger_layer_wins_key_by_key(read: Load) -> None:
    text = (
        "scaling: {maxAgents: 3, maxPerTick: 3, cooldown: 3s, maxPerRole: {action: 3, risk: 3}}\ntheme: [lotr, zelda]"
    )
    environment = {
        "LORELI_SCALING__MAX_AGENTS": "4",
        "LORELI_SCALING__MAX_PER_TICK": "4",
        "LORELI_SCALING__MAX_PER_ROLE__RISK": "4",
        "LORELI_THEME": "[marvel]",
    }
    config = read(text, environment, **{"scaling.maxAgents": 5, "scaling.max_per_role.planner": 5})
    assert config.scaling.model_dump(exclude={"memory"}) == {
        "max_agents": 5,
        "max_per_tick": 4,
        "cooldown": 3.0,
        "max_per_role": {"action": 3, "risk": 4, "planner": 5},
    }
    assert config.theme == ("marvel",)


def test_the_environment(tmp_path: Path) -> None:
    environment = {
        "LORELI_HOME": str(tmp_path),
        "LORELI_TIMEOUTS__RAPID_DEATH": "2500",
        "LORELI_TIMEOUTS__NUDGE": "false",
        "LORELI_TEST": "[ -f x ] && {make}",
        "LORELI_MODEL": "7",
        "LORELI_SCALING__MAX_AGENTS": "5",
        "LORELI_SCALING": "{maxAgents: 4, maxPerTick: 4}",
        "LORELI_TRUST": "{associations: [OWNER]}",
        "LORELI_SIDES__MY_MAKER": "yin",
        "LORELI_BACKENDS__MY_AGENT__COMMAND": '["run", "{prompt}"]',
        "LORELI_BACKENDS__MY_AGENT__PROVIDER": "my-maker",
        "LORELI_BACKENDS__MY_AGENT__ENV__API_KEY": "k",
        "LORELI_REPO": "",
        "PATH": "/bin",
    }
    config = load(None, environment=environment)
    assert config.home == tmp_path
    assert (config.timeouts.rapid_death, config.timeouts.nudge) == (2.5, False)
    assert (config.test, config.model, config.repo) == ("[ -f x ] && {make}", "7", None)
    assert config.trust.associations == ("OWNER",)
    assert (config.scaling.max_agents, config.scaling.max_per_tick) == (5, 4)
    backend = config.backends["my-agent"]
    assert (backend.command, backend.provider, backend.env) == (("run", "{prompt}"), "my-maker", {"API_KEY": "k"})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LORELI_SCALING__MAX_AGENT", "4", "is not a known key; LORELI_SCALING__MAX_AGENTS is nearest"),
        ("LORELI_MODLE", "x", "is not a known key; LORELI_MODEL is nearest"),
        ("LORELI_MAX_AGENTS", "4", "is not a known key; LORELI_SCALING__MAX_AGENTS is the key"),
        ("LORELI_SCALING__MAX_AGENTS", "four", "is not a whole number"),
        ("LORELI_SCALING", "4", "has no keys"),
        ("LORELI_TRUST__ASSOCIATIONS", "OWNER", "is not a list"),
        ("LORELI_TRUST__ASSOCIATIONS", "[OWNER", "is not a list"),
        ("LORELI_THEME", "lotrr", "lotr is nearest"),
        ("LORELI_", "x", "is not a known key"),
        ("LORELI_MODEL", "\udcff", "text that is not blank, in UTF-8"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(name: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, environment={name: value})
    assert str(raised.value).startswith(f"environment: {name}: {value!r}: ")
    assert expected in str(raised.value)


def test_what_an_agent_is_told_of_itself_is_no_setting() -> None:
    told = ("AGENT", "CONFIG", "MCP_TOKEN_FILE", "MCP_URL", "PANE", "ROLE", "SESSION", "TOKEN", "WORKSPACE")
    environment = {f"LORELI_{name}": "/some/where" for name in told}
    assert load(None, environment=environment) == Config()
    assert not load(None, environment=environment | {"LORELI_WORKSPACE__CLEANUP": "no"}).workspace.cleanup


def test_a_key_that_is_missing_is_spelled_as_its_layer_spells() -> None:
    with pytest.raises(ConfigError, match=r"^environment: LORELI_BACKENDS__A__COMMAND: nothing: is missing; "):
        load(None, environment={"LORELI_BACKENDS__A__PROVIDER": "openai"})


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("scaling.maxAgents", 0, "command line: scaling.maxAgents: 0: is too small; 2 or more"),
        ("scaling.max_agents", "x", "command line: scaling.max_agents: 'x': is not a whole number; a number such as 4"),
        (
            "scaling.max_agent",
            1,
            "command line: scaling.max_agent: 1: is not a known key; scaling.max_agents is nearest",
        ),
        ("scaling", {"maxAgents": 0}, "command line: scaling.maxAgents: 0: is too small; 2 or more"),
    ],
)
def test_a_mistake_in_an_override(key: str, value: object, line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, environment={}, overrides={key: value})
    assert str(raised.value) == line


def test_all_mistakes_of_all_layers_at_once_in_order(mistakes: Mistakes) -> None:
    text = "watch: {interval: never}\nscaling:\n  maxAgents: 0\n  maxAgent: 3\nclaims: {ttl: 10s}\n"
    lines = mistakes(text, {"LORELI_MODLE": "x", "LORELI_REPO": "x"}, **{"tmux.history": -1})
    assert [": ".join(line.split(": ")[:2]) for line in lines] == [
        "loreli.yml:1: watch.interval",
        "loreli.yml:3: scaling.maxAgents",
        "loreli.yml:4: scaling.maxAgent",
        "loreli.yml:5: claims.ttl",
        "environment: LORELI_MODLE",
        "environment: LORELI_REPO",
        "command line: tmux.history",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "scaling:\n  maxAgents: 3\n  maxAgents: 4",
            "3: scaling.maxAgents: 4: is given already, as maxAgents in line 2",
        ),
        (
            "scaling:\n  max_agents: 3\n  maxAgents: 4",
            "3: scaling.maxAgents: 4: is given already, as max_agents in line 2",
        ),
        ("hub: {}\ntheme: lotr\nhub: {}", "3: hub: {}: is given already, as hub in line 1"),
        ("sides:\n  a: yin\n  a: yang", "3: sides.a: 'yang': is given already, as a in line 2"),
    ],
)
def test_a_key_given_twice(mistakes: Mistakes, text: str, line: str) -> None:
    assert mistakes(text) == [f"loreli.yml:{line}; only one of the two"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("modle: x", "modle: 'x': is not a known key; model is nearest"),
        ("scaling: {maxAgnets: 3}", "scaling.maxAgnets: 3: is not a known key; scaling.maxAgents is nearest"),
        ("scaling: {max_agnets: 3}", "scaling.max_agnets: 3: is not a known key; scaling.max_agents is nearest"),
        ("scaling: {MaxAgents: 3}", "scaling.MaxAgents: 3: is not a known key; scaling.maxAgents is the key"),
        ("session: x", "session: 'x': is not a known key; tmux.session is the key"),
        ("maxAgents: 3", "maxAgents: 3: is not a known key; scaling.maxAgents is the key"),
        ("review: {zzz: 3}", "review.zzz: 3: is not a known key; one of maxRounds"),
    ],
)
def test_an_unknown_key_and_the_nearest_known_one(mistakes: Mistakes, text: str, line: str) -> None:
    assert mistakes(text) == [f"loreli.yml:1: {line}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", r"loreli.yml:1: column 5: is not YAML \(mapping values are not allowed here\); .*"),
        ("scaling:\n\tmaxAgents: 3", r"loreli.yml:2: column 1: is not YAML \(.*\\t.*\); .*"),
        ("theme: [lotr", r"loreli.yml:1: column \d+: is not YAML .*"),
        ("theme: 'lotr", r"loreli.yml:1: column \d+: is not YAML .*"),
        ("theme: *x", r"loreli.yml:1: column 8: is not YAML .*undefined alias.*"),
        ("a: 1\n---\nb: 2", r"loreli.yml:2: .*another document.*"),
        (
            "theme: !!python/name:os.system x",
            r"loreli.yml:1: column 8: .*tag python/name:os.system is not allowed here.*",
        ),
        ("theme: !mine [x]", r"loreli.yml:1: column 8: .*tag !mine is not allowed here.*"),
        ("backends: &a {b: *a}", r"loreli.yml:1: .*holds itself.*"),
        ("? [a, b]\n: c", r"loreli.yml:1: .*a key is not text.*"),
        ("theme: \x00", r"loreli.yml: is not YAML .*"),
        ("[" * 5000, r"loreli.yml: is not YAML \(is nested too deeply\).*"),
        ("hub:\n  <<: 4", r"loreli.yml:2: .*takes a mapping.*"),
        ("- theme\n- lotr", r"loreli.yml:1: \(top level\): \['theme', 'lotr'\]: has no keys; keys and values"),
        ("just text", r"loreli.yml:1: \(top level\): 'just text': has no keys; keys and values"),
    ],
)
def test_broken_yaml_names_the_file_the_line_and_what(mistakes: Mistakes, text: str, line: str) -> None:
    (said,) = mistakes(text)
    assert re.fullmatch(line, said)


def test_aliases_that_multiply_are_refused(mistakes: Mistakes) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (said,) = mistakes("\n".join(lines))
    assert "more than 20000 values" in said


def test_anchors_and_merges_save_repetition(read: Load) -> None:
    config = read(
        "backends:\n"
        "  one: &one {command: &argv [run, '{prompt}'], provider: openai, prompt: argument}\n"
        "  two: {<<: *one, provider: anthropic}\n"
        "  three: {command: *argv, provider: xai}\n"
    )
    one, two, three = (config.backends[name] for name in ("one", "two", "three"))
    assert (two.command, two.prompt, two.provider) == (one.command, "argument", "anthropic")
    assert three.command == one.command


def test_a_broken_file_does_not_hide_mistakes_elsewhere(mistakes: Mistakes) -> None:
    assert [line.split(":")[0] for line in mistakes("a: b: c", {"LORELI_MODLE": "x"})] == ["loreli.yml", "environment"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "none.yml", environment={})
    assert str(raised.value).startswith(f"{tmp_path}/none.yml: can't be read (No such file or directory); ")
    assert isinstance(raised.value, UsageError)


def test_a_folder_and_bytes_that_are_no_text(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, environment={})
    file.write_bytes(b"theme: \xff\xfe")
    with pytest.raises(ConfigError, match="is not text"):
        load(file, environment={})


def test_control_characters_do_not_reach_the_terminal(mistakes: Mistakes) -> None:
    (line,) = mistakes('"a\\nb\\e[31m": "x\\u2028y"')
    assert line.startswith(r"loreli.yml:1: a\nb\x1b[31m: 'x\u2028y': is not a known key")


def test_a_long_value_is_cut_short(mistakes: Mistakes) -> None:
    (line,) = mistakes(f"repo: {'x' * 5000}")
    assert len(line) < 200


KEYS = [
    "scaling",
    "maxAgents",
    "max_agents",
    "timeouts",
    "stall",
    "backends",
    "command",
    "theme",
    "sides",
    "hub",
    "home",
]
YAML_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=8),
        st.sampled_from(["15s", "lotr"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=4)), inner, max_size=4),
    ),
    max_leaves=12,
)


def taken_or_refused(
    path: Path | None, *, environment: dict[str, str], overrides: dict[str, object], start: str
) -> None:
    try:
        config = load(path, environment=environment, overrides=overrides)
    except ConfigError as error:
        for line in str(error).split("\n"):
            assert line.startswith(start)
            assert line.isprintable()
            assert "; " in line
            assert "pydantic" not in line
    else:
        assert Config.model_validate(config.model_dump(mode="json")) == config


@given(st.dictionaries(st.sampled_from([*KEYS, "scaling.maxAgents", "backends.a", "backends.a.command"]), YAML_VALUES))
def test_any_values_make_a_config_or_a_report(overrides: dict[str, object]) -> None:
    taken_or_refused(None, environment={}, overrides=overrides, start="command line: ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(), st.lists(st.sampled_from([*KEYS, ": ", "\n", "  ", "[", "]", "{", "}", "&a", "*a", "1", "!!", "'"]))
    )
)
def test_any_text_makes_a_config_or_a_report(tmp_path: Path, text: str | list[str]) -> None:
    file = tmp_path / "loreli.yml"
    file.write_bytes("".join(text).encode("utf-8", "surrogatepass"))
    taken_or_refused(file, environment={}, overrides={}, start=f"{file}:")


@given(
    st.dictionaries(
        st.lists(st.sampled_from([key.upper() for key in KEYS] + ["a", ""]), max_size=3).map(
            lambda p: "LORELI_" + "__".join(p)
        ),
        st.text(st.characters()),
    )
)
def test_any_environment_makes_a_config_or_a_report(environment: dict[str, str]) -> None:
    taken_or_refused(None, environment=environment, overrides={}, start="environment: ")


def test_find_looks_upwards_to_the_git_root(tmp_path: Path) -> None:
    root, inner = tmp_path / "root", tmp_path / "root" / "a" / "b"
    inner.mkdir(parents=True)
    (root / ".git").mkdir()
    (tmp_path / "loreli.yml").touch()
    assert find(inner) is None
    (root / "loreli.yaml").touch()
    assert find(inner) == root / "loreli.yaml"
    (root / "a" / "loreli.yml").touch()
    assert find(inner) == root / "a" / "loreli.yml"
    assert find(root) == root / "loreli.yaml"


def test_find_in_a_worktree_whose_git_is_a_file(tmp_path: Path) -> None:
    inner = tmp_path / "tree" / "a"
    inner.mkdir(parents=True)
    (tmp_path / "tree" / ".git").touch()
    (tmp_path / "loreli.yml").touch()
    assert find(inner) is None


def test_find_outside_a_repository_looks_no_higher(tmp_path: Path) -> None:
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "loreli.yml").touch()
    assert find(inner) is None
    assert find(tmp_path) == tmp_path / "loreli.yml"


def test_find_refuses_to_choose_between_two_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "loreli.yml").touch()
    (tmp_path / "loreli.yaml").touch()
    with pytest.raises(ConfigError, match=r"loreli\.yaml: stands beside loreli\.yml; keep one"):
        find(tmp_path)
