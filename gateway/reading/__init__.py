"""Reading a source: what its feeds show of a period, merged by lead and handed to the pipeline.

Owns the order of it: read, merge, accept, and only then move the checkpoint. Who reads and how
often is for the poller; what an item means is for its source.
"""

from __future__ import annotations

from gateway.reading.intake import Intake, Taken
from gateway.reading.reader import LeaseTaken, Reader

__all__ = ["Intake", "LeaseTaken", "Reader", "Taken"]
