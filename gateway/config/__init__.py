"""gateway.yaml: its model, how it is loaded, what is checked before anything starts."""
