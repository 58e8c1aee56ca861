"""Metrics, as a scraper reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from loreli_ray.observe.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    rows = [row for family in families for row in family.samples if not row.name.endswith("_created")]
    return {(row.name, *(row.labels[key] for key in sorted(row.labels))): row.value for row in rows}


def test_what_is_counted() -> None:
    metrics = Metrics()
    metrics.errors.labels(actor="hub", kind="Unavailable").inc()
    metrics.errors.labels(actor="hub", kind="Unavailable").inc()
    metrics.removed.labels(cause="stalled").inc()
    metrics.spawned.labels(role="action").inc()
    metrics.landed.inc(3)
    metrics.agents.labels(role="action", side="yin", state="working").set(2)
    assert samples(metrics) == {
        ("loreli_errors_total", "hub", "Unavailable"): 2,
        ("loreli_agents_removed_total", "stalled"): 1,
        ("loreli_agents_spawned_total", "action"): 1,
        ("loreli_issues_landed_total",): 3,
        ("loreli_agents", "action", "yin", "working"): 2,
    }


def test_two_sessions_do_not_meet() -> None:
    one, two = Metrics(), Metrics()
    one.landed.inc()
    assert samples(one)[("loreli_issues_landed_total",)] == 1
    assert samples(two)[("loreli_issues_landed_total",)] == 0
