"""The web role: the API, the dashboard, sign-in, health, metrics, pushed leads, live events.

Reads the store and asks the pipeline; decides nothing about deliveries itself. ``create_app`` in
``app.py`` is the whole of it as an ASGI application, ``serve`` in ``server.py`` runs it.
"""
