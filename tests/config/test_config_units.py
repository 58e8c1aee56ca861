from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from loreli_ray.config import Bytes, Config, Seconds, TimeoutsConfig

Load = Callable[..., Config]
Mistakes = Callable[..., list[str]]

SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)
BYTES: TypeAdapter[int] = TypeAdapter(Bytes)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("15s", 15.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("250ms", 0.25),
        ("1m250ms", 60.25),
        ("1.5h", 5400.0),
        ("2d", 172_800.0),
        ("365d", 31_536_000.0),
        ("600000", 600.0),
        ("15000", 15.0),
        ("0.5", 0.0005),
        ("'15000'", 15.0),
    ],
)
def test_durations_as_people_write_them(read: Load, written: str, seconds: float) -> None:
    assert read(f"timeouts: {{rapidDeath: {written}}}").timeouts.rapid_death == seconds


NOT_ASCII = chr(0x661) + "s"  # a digit, but not one of ours
NO_DURATIONS = ["10 minutes", "-1s", "-15", "1s1m", "1m1m", "s", "''", ".nan", ".inf", "true", "[1]", "1e3s", "366d"]


@pytest.mark.parametrize("written", [*NO_DURATIONS, "null", NOT_ASCII])
def test_what_is_no_duration(mistakes: Mistakes, written: str) -> None:
    (line,) = mistakes(f"timeouts: {{rapidDeath: {written}}}")
    assert line.startswith("loreli.yml:1: timeouts.rapidDeath: ")
    assert "a duration such as 15s" in line or "365d or less" in line


def test_numbers_are_seconds_in_python() -> None:
    assert TimeoutsConfig(stall=5).stall == 5.0
    assert SECONDS.validate_python(0.25) == 0.25


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("512MiB", 512 * 2**20),
        ("2GiB", 2 * 2**30),
        ("1.5 GiB", 3 * 2**29),
        ("1TB", 10**12),
        ("500kB", None),
        ("100KB", 100_000),
        ("7B", 7),
        ("1048576", 1_048_576),
        ("0", None),
        ("0MiB", None),
        ("-1", None),
        ("512m", None),
        ("lots", None),
        ("true", None),
        ("1.5", None),
        ("null", None),
    ],
)
def test_sizes(read: Load, mistakes: Mistakes, written: str, size: int | None) -> None:
    text = f"scaling: {{memory: {written}}}"
    if size is not None:
        assert read(text).scaling.memory == size
        return
    (line,) = mistakes(text)
    assert line.startswith("loreli.yml:1: scaling.memory: ")


@given(st.floats(min_value=0, max_value=365 * 86_400))
def test_a_duration_survives_a_dump(seconds: float) -> None:
    config = Config.model_validate({"scaling": {"cooldown": seconds}})
    assert abs(config.scaling.cooldown - seconds) <= 5e-7
    assert Config.model_validate(config.model_dump(mode="json")) == config


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.integers())))
def test_anything_is_a_duration_within_bounds_or_refused(value: object) -> None:
    try:
        seconds = SECONDS.validate_python(value)
    except ValidationError:
        return
    assert 0 <= seconds <= 365 * 86_400


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none()))
def test_anything_is_a_size_of_a_byte_or_more_or_refused(value: object) -> None:
    try:
        size = BYTES.validate_python(value)
    except ValidationError:
        return
    assert size >= 1
