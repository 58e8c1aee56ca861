"""`loreli.yml` → `Config`: defaults, layers, and messages that name file, key and value."""

from __future__ import annotations

from loreli_ray.config.command import PLACEHOLDERS, fill
from loreli_ray.config.loading import FILE_NAMES, find, load
from loreli_ray.config.schema import (
    BackendConfig,
    ClaimsConfig,
    Config,
    HubConfig,
    ReviewConfig,
    ScalingConfig,
    Section,
    SupervisionConfig,
    TimeoutsConfig,
    TmuxConfig,
    TrustConfig,
    WatchConfig,
    WorkspaceConfig,
)
from loreli_ray.config.units import Bytes, Seconds, seconds
from loreli_ray.config.vocabulary import (
    PROVIDER_SIDES,
    ROLES,
    THEMES,
    FailureName,
    RoleName,
    SideName,
    ThemeName,
    provider_side,
)

__all__ = [
    "FILE_NAMES",
    "PLACEHOLDERS",
    "PROVIDER_SIDES",
    "ROLES",
    "THEMES",
    "BackendConfig",
    "Bytes",
    "ClaimsConfig",
    "Config",
    "FailureName",
    "HubConfig",
    "ReviewConfig",
    "RoleName",
    "ScalingConfig",
    "Seconds",
    "Section",
    "SideName",
    "SupervisionConfig",
    "ThemeName",
    "TimeoutsConfig",
    "TmuxConfig",
    "TrustConfig",
    "WatchConfig",
    "WorkspaceConfig",
    "fill",
    "find",
    "load",
    "provider_side",
    "seconds",
]
