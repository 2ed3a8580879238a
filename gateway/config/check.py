"""What the model alone can not see: routes that lead nowhere, templates that do not compile."""

from __future__ import annotations

import difflib
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from gateway.config.faults import Fault
from gateway.config.load import Loaded
from gateway.destinations import EmailConfig, SlackConfig, WebhookConfig
from gateway.render import Renderer


def make_renderer(loaded: Loaded, public_url: str | None = None) -> Renderer:
    """The template environment of one configuration."""
    config, folder = loaded.config, loaded.path.resolve().parent
    folders = [folder / config.template_dir] if config.template_dir else []
    return Renderer(
        [*folders, folder / "templates"],
        language=config.language,
        timezone=config.zone,
        public_url=public_url,
        links={"classified": config.links.classified} if config.links.classified else {},
    )


def check(loaded: Loaded) -> list[Fault]:
    """Every fault beyond the model's own; warnings among them."""
    config = loaded.config
    faults: list[Fault] = []

    def fault(text: str, *place: str | int, warning: bool = False) -> None:
        dotted = ""
        for step in place:
            dotted += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if dotted else step
        faults.append(Fault(loaded.path, loaded.line(*place), dotted, text, warning))

    if not config.sources:
        fault("name at least one source, for example seloger: {kind: gsl, …}", "sources")
    if not config.destinations:
        fault("name at least one destination, for example crm: {kind: webhook, …}", "destinations")
    renderer = make_renderer(loaded)
    for index, route in enumerate(config.routes):
        for name in route.to:
            if name not in config.destinations:
                near = difflib.get_close_matches(name, config.destinations, 1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                fault(f'there is no destination "{name}"{hint}', "routes", index, "to")
        if route.when is not None:
            for text in renderer.check_expression(route.when):
                fault(text, "routes", index, "when")
    if config.links.classified:
        for text in renderer.check_text(config.links.classified):
            fault(text, "links", "classified")
    for name, destination in config.destinations.items():
        for key, text in _template_faults(destination, renderer):
            fault(text, "destinations", name, key)
        host = _literal_host(destination)
        if host and not host.is_global and not any(
            host.version == network.version and host in network for network in config.network.allow
        ):
            fault(
                f"{host} is a private address: add its range to network.allow",
                "destinations", name, warning=True,
            )  # fmt: skip
    return faults


def _template_faults(config: Any, renderer: Renderer) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    if isinstance(config, WebhookConfig):
        faults += [("url", text) for text in renderer.check_text(config.url)]
        for value in config.headers.values():
            faults += [("headers", text) for text in renderer.check_text(value)]
        if isinstance(config.body, str):
            faults += [("body", text) for text in renderer.check_file(config.body)]
        elif config.body is not None:
            faults += [("body", t) for s in _texts(config.body) for t in renderer.check_text(s)]
    elif isinstance(config, EmailConfig):
        for key, templates in (("to", config.to), ("cc", config.cc), ("bcc", config.bcc)):
            faults += [(key, t) for source in templates for t in renderer.check_text(source)]
        folder = f"email/{config.template}"
        for part in ("subject.txt", "body.txt", "body.html"):
            if part != "body.html" or renderer.has(f"{folder}/{part}"):
                faults += [("template", t) for t in renderer.check_file(f"{folder}/{part}")]
    elif isinstance(config, SlackConfig):
        name = f"slack/{config.template}.json.j2"
        faults += [("template", text) for text in renderer.check_file(name)]
    return faults


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _literal_host(config: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    url = config.url if isinstance(config, WebhookConfig) else ""
    if isinstance(config, SlackConfig) and config.webhook_url:
        url = config.webhook_url.get_secret_value()
    if isinstance(config, EmailConfig):
        url = config.smtp.get_secret_value()
    try:
        return ipaddress.ip_address(urlsplit(url.partition("{")[0]).hostname or "")
    except ValueError:
        return None


def schema() -> dict[str, Any]:
    """JSON Schema of gateway.yaml, for editors."""
    from gateway.config.model import GatewayConfig

    found = GatewayConfig.model_json_schema(by_alias=True)
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "gateway.yaml"
    return found


