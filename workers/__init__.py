"""The processes: small loops around ``gateway``."""
