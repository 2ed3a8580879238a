"""Whom a TLS connection believes: the system's authorities, and one's own besides.

The only place that makes a context for connecting. Certificates and names are always checked, from
TLS 1.2 on; there is no way to ask for less.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi


def trusting(ca_file: Path | str | None = None) -> ssl.SSLContext:
    """A context for connecting. ``ca_file`` is a PEM file of further authorities.

    Raises OSError (``ssl.SSLError`` among it) for a file that can not be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    known = ssl.get_default_verify_paths()
    if not (known.cafile or known.capath):
        context.load_verify_locations(certifi.where())  # a Python without a system store
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
