"""Metrics, as a scraper reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from loreli_ray.model import Budget
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


def test_what_the_hub_says() -> None:
    metrics = Metrics()
    first = Budget(login="team", limit=5000, remaining=4000, reset=90.0, paid=3, free=7, queued=2, offset=1.5)
    metrics.see([first.model_copy(update={"errors": {"NotFound": 1}}), Budget(login="judge")])
    metrics.see([first.model_copy(update={"paid": 5, "errors": {"NotFound": 1}})])
    metrics.see([first.model_copy(update={"paid": 1, "free": 0})])  # the hub was started again
    lines = metrics.render().decode().splitlines()
    for line in (
        'loreli_hub_requests_total{account="team",cost="paid"} 6.0',
        'loreli_hub_requests_total{account="team",cost="free"} 7.0',
        'loreli_hub_requests_total{account="judge",cost="paid"} 0.0',
        'loreli_hub_errors_total{account="team",kind="NotFound"} 1.0',
        'loreli_hub_budget_limit{account="team"} 5000.0',
        'loreli_hub_budget_remaining{account="team"} 4000.0',
        'loreli_hub_budget_reset_timestamp_seconds{account="team"} 90.0',
        'loreli_hub_write_queue{account="team"} 2.0',
        'loreli_hub_offset_seconds{account="team"} 1.5',
    ):
        assert line in lines
    assert not any(line.startswith('loreli_hub_budget_limit{account="judge"}') for line in lines)
