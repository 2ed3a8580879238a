"""Histograms: the same bounds on both sides, quantiles between them."""

from __future__ import annotations

import re
from importlib import resources

from gateway.store.counts import BOUNDS, Histogram


def test_the_script_and_the_reader_share_their_bounds() -> None:
    prelude = (resources.files("gateway.store") / "lua" / "_prelude.lua").read_text()
    found = re.search(r"local BOUNDS = \{(.*?)\}", prelude, re.DOTALL)
    assert found is not None
    assert tuple(float(item) for item in found[1].split(",")) == BOUNDS


def test_a_quantile_lies_within_the_bucket_that_holds_it() -> None:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[BOUNDS.index(0.5)] = 50
    buckets[BOUNDS.index(1)] = 50
    found = Histogram(tuple(buckets))
    median, late = found.quantile(0.5), found.quantile(0.95)
    assert median is not None
    assert late is not None
    assert 0.25 < median <= 0.5
    assert 0.75 < late <= 1


def test_no_observation_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
