"""lead-gateway: every lead in the agent's hands within seconds, and none ever lost."""

__version__ = "0.1.0"
