"""How much one run of a template may cost: steps, characters and seconds.

Owns the budget of a run and the limits in it. A template is the operator's and a lead a stranger's:
together they must not hold up the other leads of a worker. Knows nothing of templates.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

STEPS = 200_000
"""Turns of loops, calls and calculations in one run."""
CHARACTERS = 5_000_000
"""Characters written in one run, those of texts that are never printed included."""
OUTPUT_CAP = 1_000_000
"""Characters one template may print."""
SECONDS = 2.0
"""Seconds of the processor's time one template may run. Not by the clock on the wall: a machine
that is busy, or sleeps in between, is no fault of the template's."""
_LOOKED_AT_EVERY = 16
"""Charges between two looks at the time: a look costs more than most of what is charged."""

_LARGEST_BITS = 256
"""Bits of a whole number: any price or surface has room in a quarter of that."""


class Exceeded(Exception):
    """A run costs more than it may. The text holds nothing of what it worked on."""


class _Budget:
    __slots__ = ("_characters", "_deadline", "_steps", "_unlooked")

    def __init__(self) -> None:
        self._steps = STEPS
        self._characters = CHARACTERS
        self._deadline = time.thread_time() + SECONDS
        self._unlooked = 0

    def spend(self, steps: int, characters: int) -> None:
        self._steps -= steps
        self._characters -= characters
        if self._steps < 0:
            raise Exceeded(f"takes more than {STEPS} steps")
        if self._characters < 0:
            raise Exceeded(f"writes more than {CHARACTERS} characters")
        self._unlooked += 1
        if self._unlooked >= _LOOKED_AT_EVERY:
            self._unlooked = 0
            if time.thread_time() > self._deadline:
                raise Exceeded(f"runs longer than {SECONDS:g} s")


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget of the running template", default=None)


@contextmanager
def bounded() -> Iterator[None]:
    """Give what runs inside one fresh budget."""
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def spend(*, steps: int = 1, characters: int = 0) -> None:
    """Charge the current run, if there is one. Raises :class:`Exceeded`."""
    budget = _BUDGET.get()
    if budget is not None:
        budget.spend(steps, characters)
    elif characters > CHARACTERS:  # outside of any run: a constant worked out while compiling
        raise Exceeded(f"writes more than {CHARACTERS} characters")


def each(items: Iterable[T]) -> Iterator[T]:
    """``items``, charging a step for each."""
    for item in items:
        spend()
        yield item


def sized(value: Any) -> Any:
    """``value``, unless it is a number too large to go on with. Raises :class:`Exceeded`."""
    if isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
        raise Exceeded("works out a number that is too large")
    return value
