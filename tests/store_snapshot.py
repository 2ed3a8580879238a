"""Everything a store holds under its prefix, and the rules that must hold of it at any moment."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery import Lane, Reason
from gateway.store import Store
from gateway.store.work import Report

KNOWN_KEYS = {
    "attempts", "counts", "dead", "dead_reasons", "deliveries", "delivery", "destination",
    "destinations", "due", "events", "expiring", "find", "hours", "identities", "lead",
    "leads", "mark", "meta",
    "owned", "rate", "ready", "speed", "states", "unrouted", "workers",
}  # fmt: skip
"""What a name may begin with: a key of another kind is one that nobody sweeps."""
UNFINISHED = ("pending", "delivering", "retrying", "dead")
ATTEMPTS_KEPT = 200


@dataclass
class Snapshot:
    """Keys without the prefix, and their contents as plain values."""

    keys: dict[str, Any] = field(default_factory=dict)

    def under(self, kind: str) -> dict[str, Any]:
        """Keys ``kind:name``, by name."""
        head = f"{kind}:"
        return {k.removeprefix(head): v for k, v in self.keys.items() if k.startswith(head)}

    def settled(self) -> dict[str, Any]:
        """What a refused move must leave as it was."""
        return {k: v for k, v in self.keys.items() if k not in ("events", "workers")}


async def look(store: Store) -> Snapshot:
    """Read everything."""
    redis, prefix = store.connection.redis, f"{store.namespace}:"
    names = sorted([key async for key in redis.scan_iter(f"{prefix}*", count=1000)])
    kinds = redis.pipeline(transaction=False)
    for name in names:
        kinds.type(name)
    reads = redis.pipeline(transaction=False)
    for name, kind in zip(names, await kinds.execute(), strict=True):
        match kind:
            case b"hash":
                reads.hgetall(name)
            case b"set":
                reads.smembers(name)
            case b"zset":
                reads.zrange(name, 0, -1, withscores=True)
            case b"list":
                reads.lrange(name, 0, -1)
            case b"stream":
                reads.xlen(name)
            case _:
                reads.get(name)
    found = Snapshot()
    for name, value in zip(names, await reads.execute(), strict=True):
        found.keys[name.decode().removeprefix(prefix)] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")  # hashes and sealed values are no text
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (list, tuple)):
        return {_plain(pair[0]): pair[1] for pair in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {_plain(item) for item in value} if isinstance(value, set) else value


def places(found: Snapshot) -> dict[str, list[str]]:
    """Where each delivery stands: names of sets, so that one in two places shows."""
    stands: dict[str, list[str]] = {}
    for kind in ("ready", "due", "dead", "owned"):
        for name, members in found.under(kind).items():
            for member in members:
                stands.setdefault(member, []).append(f"{kind}:{name}")
    return stands


def check(found: Snapshot) -> None:
    """Every rule of one moment. Raises AssertionError."""
    deliveries = found.under("delivery")
    stands = places(found)
    assert set(stands) <= set(deliveries), "a set holds a delivery that does not exist"
    for name, values in deliveries.items():
        _check_delivery(name, values, stands.get(name, []), found)
    _check_counts(found, deliveries)
    _check_leads(found, deliveries)
    unknown = {key.partition(":")[0] for key in found.keys} - KNOWN_KEYS
    assert not unknown, f"keys of an unknown kind: {unknown}"


def _check_delivery(name: str, f: dict[str, str], stands: list[str], found: Snapshot) -> None:
    dest, state, lane = f["destination"], f["state"], f["lane"]
    allowed = {
        "pending": [f"ready:{dest}:{lane}"],
        "retrying": [f"ready:{dest}:{lane}", f"due:{dest}"],
        "delivering": [f"owned:{f.get('owner')}"],
        "dead": [f"dead:{dest}"],
    }.get(state)
    if allowed is None:
        assert state in ("delivered", "discarded")
        assert stands == [], f"{state} and yet in {stands}"
    else:
        assert len(stands) == 1, f"{state} in {stands}"
        assert stands[0] in allowed, f"{state} in {stands}"
    assert lane in tuple(Lane)
    assert ("owner" in f) == ("begun" in f) == (state == "delivering")
    assert ("died" in f) == (state == "dead")
    assert ("due" in f) == (stands == [f"due:{dest}"])
    if "due" in f:
        assert found.keys[f"due:{dest}"][name] == float(f["due"])
    if state == "delivering":
        assert f["owner"] in found.keys["workers"], "owned by somebody whom nobody will reap"
        assert f["lead"] in found.under("lead") or found.under("mark")
    elif allowed is not None:
        assert f["lead"] in found.under("lead"), f"{state} without its lead"
    assert name in found.keys[f"deliveries:{dest}"], "not in its destination's list"
    assert dest in found.keys["destinations"]
    assert 0 <= int(f["made"]) <= int(f["total"])
    attempts = found.keys.get(f"attempts:{name}", [])
    assert len(attempts) <= ATTEMPTS_KEPT


def _check_counts(found: Snapshot, deliveries: dict[str, dict[str, str]]) -> None:
    real = Counter((f["destination"], f["state"]) for f in deliveries.values())
    for dest in found.keys.get("destinations", ()):
        counted = found.keys.get(f"states:{dest}", {})
        for state in UNFINISHED:
            assert int(counted.get(state, 0)) == real[dest, state], f"count of {state} at {dest}"
        listed = found.keys.get(f"deliveries:{dest}", {})
        assert set(listed) == {k for k, f in deliveries.items() if f["destination"] == dest}
        reasons = Counter(
            f["died"]
            for f in deliveries.values()
            if f["destination"] == dest and f["state"] == "dead"
        )
        counted_reasons = found.keys.get(f"dead_reasons:{dest}", {})
        assert {k: int(v) for k, v in counted_reasons.items()} == reasons
    assert set(found.under("attempts")) <= set(deliveries)


def _check_leads(found: Snapshot, deliveries: dict[str, dict[str, str]]) -> None:
    leads = found.under("lead")
    assert set(found.keys.get("leads", {})) == set(leads)
    assert set(found.keys.get("expiring", {})) <= set(leads)
    assert set(found.keys.get("unrouted", {})) <= set(leads)
    assert _listed(found) == {
        (term[:3], term[2:], uid) for uid, lead in leads.items() for term in _terms(lead)
    }, "what finds a person is not what the leads say"
    for uid, lead in leads.items():
        named = set(lead.get("deliveries", "").split())
        assert named == {k for k, f in deliveries.items() if f["lead"] == uid}
    accepted = [mark for marks in found.under("mark").values() for mark in marks.values()]
    assert accepted.count("a") >= len(leads)


def _listed(found: Snapshot) -> set[tuple[str, str, str]]:
    """Members of the index: bucket, hash but for its first byte, uid."""
    members = (
        (k, _hex(member)) for k, members in found.under("find").items() for member in members
    )
    return {(bucket, digits[:14], digits[14:]) for bucket, digits in members}


def _terms(lead: dict[str, str]) -> list[str]:
    digits = _hex(lead["find"])
    return [digits[i : i + 16] for i in range(0, len(digits), 16)]


def _hex(text: str) -> str:
    return text.encode(errors="surrogateescape").hex()


def check_history(before: Snapshot, after: Snapshot) -> None:
    """Attempts are only ever added; an answer may go, nothing else may change."""
    for name, old in before.under("attempts").items():
        new = after.keys.get(f"attempts:{name}")
        if new is None:
            assert f"delivery:{name}" not in after.keys
            continue
        kept = [json.loads(line) for line in new[: len(old)]]
        told = [json.loads(line) for line in old]
        assert [item[:7] for item in kept] == [item[:7] for item in told], "history was rewritten"


def outcome(delivery: str, number: int, how: str, **more: Any) -> Report:
    """A report of some kind."""

    reasons = {
        "delivered": Reason.ACCEPTED,
        "continue": Reason.ACCEPTED,
        "refused": Reason.REJECTED,
    }
    reason = reasons.get(how, Reason.SERVER_ERROR)
    return Report(delivery, number, how, reason, 7, status=200, answer="an answer", **more)
