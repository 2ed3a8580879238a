"""Simulated portals and receivers: the tests, the demo and integrators use the same ones."""
