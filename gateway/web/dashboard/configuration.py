"""The configuration as it is loaded, secrets masked; the file as it is now; who works by which."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config import ConfigError, Fault, Loaded, check, load
from gateway.masking import SECRET
from gateway.settings import Settings, SettingsError
from gateway.web import acting
from gateway.web.context import web_of
from gateway.web.dashboard.frame import back, frame
from gateway.web.pages import page
from gateway.web.security import read_form
from gateway.web.signin import signed_in


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The file as it is now. ``digest`` is None when it can not be used."""

    digest: str | None
    faults: Sequence[Fault] = ()
    problem: str | None = None

    @property
    def usable(self) -> bool:
        """Whether a reload would take it over."""
        return self.problem is None and all(fault.warning for fault in self.faults)


@signed_in
async def configuration(request: Request, session: str) -> Response:
    """What is loaded, what the file says now, and which process works by what."""
    web = web_of(request)
    health, shared = await frame(web)
    loaded = web.gateway.loaded
    # Templates are compiled and files read: not in the loop that serves everybody.
    found = await asyncio.to_thread(look, web.gateway.settings.config_path)
    values = {
        "loaded": loaded,
        "text": written(loaded),
        "disk": found,
        "changed": found.digest is not None and found.digest != loaded.digest,
        "processes": health.processes,
    }
    return page(request, "configuration.html", {**shared, **values})


def look(path: Path) -> OnDisk:
    """The file as it is now, with everything that is wrong with it."""
    try:
        settings = Settings.read(config=path)
        loaded = load(path, settings.environ)
    except SettingsError as error:
        return OnDisk(None, problem=str(error))
    except ConfigError as error:
        return OnDisk(None, error.faults)
    return OnDisk(loaded.digest, check(loaded))


def written(loaded: Loaded) -> str:
    """What differs from the defaults, as YAML; every secret is masked."""
    values = discreet(loaded.config.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 100
    buffer = io.StringIO()
    yaml.dump(values, buffer)
    text = buffer.getvalue().replace("'**********'", SECRET).replace("**********", SECRET)
    for secret in sorted(loaded.secrets, key=len, reverse=True):
        text = text.replace(secret, SECRET)
    return text


def discreet(value: Any, key: str = "") -> Any:
    """A configuration without what may be as secret as a password, though nothing says that it is:
    the values of headers and of a URL's query, and the path of the heartbeat, which is its key.
    """
    match value:
        case dict() if key == "headers":
            return dict.fromkeys(value, SECRET)
        case dict():
            return {name: discreet(item, str(name)) for name, item in value.items()}
        case list():
            return [discreet(item, key) for item in value]
        case str() if value.startswith(("http://", "https://")):
            place, mark, query = value.partition("?")
            if key == "heartbeat_url":
                return "/".join([*value.split("/", 3)[:3], SECRET])
            return place + mark + "&".join(_unvalued(pair) for pair in query.split("&"))
    return value


def _unvalued(pair: str) -> str:
    name, sign, _ = pair.partition("=")
    return f"{name}={SECRET}" if sign else name


@signed_in
async def reload(request: Request, session: str) -> Response:
    """Ask every process to take over the file as it is now."""
    await read_form(request, session)
    await acting.reload(web_of(request))
    return back("/configuration", "reloading")


ROUTES = (
    Route("/configuration", configuration),
    Route("/configuration/reload", reload, methods=["POST"]),
)
