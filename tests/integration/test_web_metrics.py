"""Metrics: a clean format, labels that no feed can make more of, and whoever uses them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from gateway.delivery import delivery_id
from gateway.queue import Queue
from gateway.store import Store
from tests.builders import a_lead
from tests.web_house import ADMIN, CONFIGURATION, WebGateway, browse, make_gateway

pytestmark = pytest.mark.anyio

DEPLOY = Path(__file__).parents[2] / "deploy"
CRM = delivery_id("seloger", "lead-1", "crm")
CONTRACT = {
    "leads_received_total", "leads_duplicate_total", "leads_rejected_total", "deliveries_total",
    "attempt_duration_seconds", "time_to_deliver_seconds", "time_from_portal_seconds",
    "queue_depth", "dead_letters", "oldest_pending_seconds", "poll_duration_seconds",
    "source_last_success_timestamp_seconds", "destination_up",
}  # fmt: skip


@pytest.fixture
async def house(store: Store, queue: Queue, tmp_path: Path) -> WebGateway:
    """A gateway where a little of everything has happened, so that every family has a sample."""
    made = make_gateway(store, queue, tmp_path)
    await made.accept(a_lead())
    await made.end(CRM, "crm", "delivered")
    await store.rejects.keep("seloger", "no id", "{}")
    await store.sources.succeeded("seloger", a_lead().received_at, took=0.2, skew=0.0, troubles={})
    token = await store.leases.take("source:seloger", "me", 30.0)
    await store.sources.move("seloger", {"leads": a_lead().received_at}, token)
    return made


async def scraped(house: WebGateway) -> str:
    async with browse(house) as client:
        answer = await client.get("/metrics", headers={**ADMIN, "accept": "text/plain"})
    assert answer.status_code == 200
    return answer.text


def series(text: str) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_metric_of_the_contract_is_there_and_well_formed(house: WebGateway) -> None:
    text = await scraped(house)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    named = set(families) | {f"{name}_total" for name, item in families.items()
                             if item.type == "counter"}  # fmt: skip
    assert {f"lead_gateway_{name}" for name in CONTRACT} <= named
    for name, family in families.items():
        assert family.documentation.endswith("."), name
        assert family.type in ("counter", "gauge", "histogram", "summary"), name
        assert family.samples, name
    # Every line is a comment, or a name with labels and one number.
    for line in text.splitlines():
        assert re.fullmatch(r'#.*|\w+(\{(\w+="[^"]*",?)+\})? [-+.eE\dInf]+', line), line
    assert len(text.splitlines()) == len(set(text.splitlines()))


@pytest.mark.skipif(not shutil.which("promtool"), reason="Prometheus is not installed")
async def test_promtool_finds_nothing_to_say(house: WebGateway) -> None:
    text = await scraped(house)
    for arguments, given in (
        (["check", "metrics"], text),
        (["check", "rules", str(DEPLOY / "prometheus" / "alerts.yml")], ""),
        (["check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")], ""),
    ):
        done = await asyncio.to_thread(
            subprocess.run,
            ["promtool", *arguments], input=given, capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


async def test_a_hostile_feed_makes_no_new_series_and_no_new_counters(house: WebGateway) -> None:
    await house.accept(a_lead("odd-0", category="SOMETHING_NEW"))
    before = series(await scraped(house))
    size = await house.store.connection.command("HLEN", house.store.connection.key("counts"))
    odd = ['x"} 1\nlead_gateway_fake 1', "é" * 500, "", None, "delivered", "A" * 200]
    await house.accept(*(a_lead(f"odd-{n}", category=text) for n, text in enumerate(odd, 1)))
    await house.accept(*(a_lead(f"new-{n}", category=f"C{n}") for n in range(200)))
    text = await scraped(house)
    assert series(text) == before
    assert "lead_gateway_fake 1" not in text.splitlines()
    found = await house.store.connection.command("HLEN", house.store.connection.key("counts"))
    assert found == size


async def test_what_left_the_configuration_leaves_the_metrics_once_nothing_waits(
    house: WebGateway, store: Store, queue: Queue, tmp_path: Path
) -> None:
    text = CONFIGURATION.replace("  team: {", "  squad: {").replace("team]", "squad]")
    renamed = make_gateway(store, queue, tmp_path, text=text.replace("[team", "[squad"))

    async def of_team() -> bool:
        return any(
            ("destination", "team") in labels for _, labels in series(await scraped(renamed))
        )

    assert await of_team()
    page = await store.deliveries.page(destinations=["team"])
    await store.deliveries.discard([item.id for item in page.items])
    assert not await of_team()


def used(part: Any) -> Iterator[str]:
    """Every expression in a rule file or a dashboard."""
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        for item in part.values():
            yield from used(item)
    elif isinstance(part, list):
        for item in part:
            yield from used(item)


@pytest.mark.parametrize("name", ["prometheus/alerts.yml", "grafana/lead-gateway.json"])
async def test_rules_and_dashboard_use_only_what_there_is(house: WebGateway, name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    document = json.loads(text) if name.endswith("json") else YAML(typ="safe").load(text)
    there = {name for name, _ in series(await scraped(house))}
    labels = {label for _, pairs in series(await scraped(house)) for label, _ in pairs}
    expressions = list(used(document))
    assert len(expressions) >= 9
    for expression in expressions:
        names = set(re.findall(r"\blead_gateway_\w+", expression))
        assert names, expression
        assert names <= there, expression
        for group in re.findall(r"by \(([^)]*)\)", expression):
            assert {word.strip() for word in group.split(",")} <= labels, expression
