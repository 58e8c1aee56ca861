"""`Config`: what can be configured, with its defaults. `loading` reads it from `loreli.yml` and the other layers.

The reading is not drawn in here: every actor is handed a `Config`, and only the command line reads one.
"""

from __future__ import annotations

from loreli_ray.config.command import PLACEHOLDERS, fill
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
    "provider_side",
    "seconds",
]
