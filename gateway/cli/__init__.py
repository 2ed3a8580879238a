"""The command line. One module per group of commands; here is only the way in.

Owns how a command ends: its exit code (0 done, 1 failed at work, 2 bad usage or configuration) and
the one sentence on stderr that says why. Never shows a traceback unless ``--debug`` asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

USAGE = 2
FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. ``arguments`` are the process's own by default."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Heavy modules are imported by the commands that need them: --help answers at once.
    from gateway.cli.app import program

    try:
        code = program().main(given, prog_name="lead-gateway", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain again while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, SystemExit, Exception) as error:
        if "--debug" in given and not isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        from gateway.cli.faults import explain

        code, lines = explain(error)
        for line in lines:
            print(f"lead-gateway: {line}", file=sys.stderr)
    return code if isinstance(code, int) else 0
