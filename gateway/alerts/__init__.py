"""Alerts: what is wrong is said where the team already looks, once, and again when it is over.

``conditions`` finds what is wrong now, ``judge`` decides what is worth a word and when, ``words``
puts it into sentences, ``sending`` brings it out. An alert that can not be delivered raises none.
"""

from __future__ import annotations
