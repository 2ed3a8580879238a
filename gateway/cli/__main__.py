"""``python -m gateway.cli``: the same program as ``lead-gateway``."""

from __future__ import annotations

import sys

from gateway.cli import main

sys.exit(main())
