"""Reading a source: what its feeds show of a period, merged by lead and handed to the pipeline.

Owns the order of it: walk, merge, complete, accept, and only then move the checkpoint. A poller
says when, an item's meaning is its source's, and where a lead goes is the pipeline's.
"""

from __future__ import annotations

from gateway.reading.intake import Look, Taken
from gateway.reading.pace import Pace, Trouble
from gateway.reading.reader import LeaseTaken, Looked, Reader
from gateway.reading.walk import FeedRead

__all__ = ["FeedRead", "LeaseTaken", "Look", "Looked", "Pace", "Reader", "Taken", "Trouble"]
