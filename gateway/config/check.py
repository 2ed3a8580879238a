"""What the model alone can not see: routes that lead nowhere, templates that do not compile."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from gateway import words
from gateway.addresses import AddressGuard, BlockedAddress
from gateway.claims import NEXT, ClaimLinks
from gateway.config.faults import Fault, Place, did_you_mean, in_order
from gateway.config.load import Loaded
from gateway.config.model import AgencyConfig, GatewayConfig, Rules
from gateway.config.presets import preset_faults, template_texts
from gateway.config.starter import PLACEHOLDER
from gateway.delivery import Message
from gateway.destinations.common import DestinationConfig
from gateway.lead import Lead
from gateway.render import TEMPLATE_ROOT, Renderer


def make_renderer(
    loaded: Loaded, public_url: str | None = None, claim_links: ClaimLinks | None = None
) -> Renderer:
    """The template environment of one configuration.

    Without ``claim_links``, whose key is in the store, a claim link leads nowhere: for previews.
    """
    config = loaded.config
    rules = {name: agency.claim for agency in config.agencies.values() for name in agency.sources}

    def claim_link(lead: Lead, message: Message) -> str | None:
        claim = rules.get(lead.source, config.claim)
        asks = message.occasion == "new" or message.occasion.startswith("escalation:")
        if claim is None or not public_url or not asks or lead.source not in config.sources:
            return None
        expires = message.accepted_at + claim.link_for
        token = claim_links.token(message.id, expires) if claim_links else "preview"
        return f"{public_url.rstrip('/')}/claim/{token}"

    return Renderer(
        loaded.template_dirs,
        language=config.language,
        timezone=config.zone,
        public_url=public_url,
        links={"classified": config.links.classified} if config.links.classified else {},
        claim_link=claim_link,
    )


Found = Iterator[tuple[Place, str]]


def check(loaded: Loaded) -> list[Fault]:
    """Every fault beyond the model's own, in the file's order; warnings among them."""
    renderer = make_renderer(loaded)
    faults = [
        loaded.document.fault(place, text)
        for found in (
            _whole(loaded),
            _routes(loaded, renderer),
            _templates(loaded, renderer),
            _alerts(loaded.config),
            _erasures(loaded),
            _files(loaded),
        )
        for place, text in found
    ]
    faults += [
        loaded.document.fault(place, text, warning=True)
        for found in (
            _never_reached(loaded),
            _agents(loaded),
            _addresses(loaded),
            _placeholders(loaded),
        )
        for place, text in found
    ]
    return in_order(faults, loaded.path)


def _whole(loaded: Loaded) -> Found:
    config = loaded.config
    if not config.sources:
        yield ("sources",), "name at least one source, for example seloger: {kind: gsl, …}"
    if not config.destinations:
        yield ("destinations",), "name at least one, for example crm: {kind: webhook, url: …}"
    if config.template_dir and not loaded.template_dirs[0].is_dir():
        yield ("template_dir",), "there is no such folder beside this file"


def _routes(loaded: Loaded, renderer: Renderer) -> Found:
    for place, rules, known in _rules(loaded):
        for number, route in enumerate(rules.routes):
            here = (*place, "routes", number)
            for position, name in enumerate(route.to):
                if name not in known:
                    near = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
                    yield (*here, "to", position), f"no destination has this name; {near}"
            if route.when is not None:
                for text in renderer.check_expression(route.when):
                    yield (*here, "when"), text
        yield from _claim(place, rules, known, loaded.config.destinations)


def _claim(
    place: Place,
    rules: Rules,
    known: tuple[str, ...],
    destinations: Mapping[str, DestinationConfig],
) -> Found:
    if rules.claim is None:
        return
    here = (*place, "claim")
    told = [((*here, "on_claim", n), name) for n, name in enumerate(rules.claim.on_claim)]
    agents = [agent.name for agent in rules.agents]
    for number, step in enumerate(rules.claim.then):
        told += [((*here, "then", number, "to", n), name) for n, name in enumerate(step.to)]
        if step.agent not in (None, NEXT, *agents):
            near = did_you_mean(step.agent or "", agents) or f"write {NEXT}, or an agent's name"
            yield (*here, "then", number, "agent"), f"no agent has this name; {near}"
    for where, name in told:
        if name not in known:
            near = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
            yield where, f"no destination has this name; {near}"
        elif (recipe := getattr(destinations[name], "recipe", None)) and not recipe.follows:
            said = f"the preset {recipe.id} would create the lead a second time; write another"
            yield where, said


def _alerts(config: GatewayConfig) -> Found:
    for number, name in enumerate(config.alerts.to if config.alerts else ()):
        part = config.destinations.get(name)
        if part is None:
            known = tuple(config.destinations)
            near = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
            yield ("alerts", "to", number), f"no destination has this name; {near}"
        elif getattr(part, "preset", None):
            yield ("alerts", "to", number), "a CRM's preset takes leads, no alerts; write another"


def _erasures(loaded: Loaded) -> Found:
    for place, rules, known in _rules(loaded):
        for number, name in enumerate(rules.on_erasure):
            here = (*place, "on_erasure", number)
            part = loaded.config.destinations.get(name) if name in known else None
            if part is None:
                near = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
                yield here, f"no destination has this name; {near}"
            elif getattr(part, "kind", "") != "webhook" or getattr(part, "preset", None):
                yield here, "only a webhook without a preset can be told: write another"


def _rules(loaded: Loaded) -> Iterator[tuple[Place, Rules, tuple[str, ...]]]:
    """The rules of each file, where they stand, and the destinations that they may name.

    An agency may send to its own and to the whole's; no agency sees another's.
    """
    config = loaded.config
    theirs = {name for rules in config.agencies.values() for name in rules.destinations}
    yield (), config, tuple(config.destinations)
    shared = tuple(name for name in config.destinations if name not in theirs)
    for name, rules in config.agencies.items():
        yield ("agencies", name), rules, (*rules.destinations, *shared)


def _templates(loaded: Loaded, renderer: Renderer) -> Found:
    for text in words.faults(loaded.template_dirs[0], TEMPLATE_ROOT, loaded.config.language):
        yield ("template_dir",) if loaded.config.template_dir else (), text
    if classified := loaded.config.links.classified:
        for text in renderer.check_text(classified):
            yield ("links", "classified"), text
    for name, destination in loaded.config.destinations.items():
        here = ("destinations", name)
        for place, source in template_texts(destination, here):
            for text in renderer.check_text(source):
                yield place, text
        for key, file, required in destination.template_files:
            if required or renderer.has(file):
                for text in renderer.check_file(file):
                    yield (*here, key), text
        if (recipe := getattr(destination, "recipe", None)) is not None:
            _, document = loaded.presets.read(recipe.id)
            for place, text in preset_faults(recipe, renderer):
                yield (*here, "preset"), str(document.fault(place, text))


def _files(loaded: Loaded) -> Found:
    """Files that a destination reads when it connects."""
    for name, destination in loaded.config.destinations.items():
        given = getattr(destination, "ca_file", None)
        if given is None:
            continue
        try:
            ssl.create_default_context(cafile=loaded.folder / given)
        except (OSError, ssl.SSLError):
            said = "no certificates can be read there: name a PEM file, relative to this one"
            yield ("destinations", name, "ca_file"), said


def _never_reached(loaded: Loaded) -> Found:
    named: set[str] = set()
    for place, rules, _ in _rules(loaded):
        named |= {name for route in rules.routes for name in route.to}
        if rules.claim is not None:
            named |= {name for step in rules.claim.then for name in step.to}
            named |= set(rules.claim.on_claim)
        if not rules.routes:
            named |= set(_without_routes(loaded, rules))
        for number, route in enumerate(rules.routes[:-1]):
            always = route.when is None and route.hours is None and not route.otherwise
            if always and route.stop:
                said = "no lead gets here: the rule above always stops"
                yield (*place, "routes", number + 1), said
                break
    for name in loaded.config.destinations:
        if name not in named:
            yield ("destinations", name), "no rule of routes sends anything here"


def _without_routes(loaded: Loaded, rules: Rules) -> Iterable[str]:
    """Where leads go by rules that have no routes: to the destinations of the same file."""
    theirs = {name for agency in loaded.config.agencies.values() for name in agency.destinations}
    if isinstance(rules, AgencyConfig):
        return rules.destinations
    return (name for name in loaded.config.destinations if name not in theirs)


def _agents(loaded: Loaded) -> Found:
    """What of an agency's rules for agents comes to nothing."""
    for place, rules, _ in _rules(loaded):
        keys = {
            "reference": "references",
            "postal_code": "postal_codes",
            "department": "departments",
            "category": "categories",
            "portal": "portals",
            "partner": "partner_ids",
        }
        if rules.agents and "assignment" in rules.model_fields_set:
            for number, criterion in enumerate(rules.assignment.by):
                if not any(getattr(agent, keys[criterion]) for agent in rules.agents):
                    said = f"no agent has {keys[criterion]}: this decides nothing"
                    yield (*place, "assignment", "by", number), said
        elif not rules.agents and "assignment" in rules.model_fields_set:
            yield (*place, "assignment"), "there are no agents: it assigns nobody"


def _addresses(loaded: Loaded) -> Found:
    guard = AddressGuard(loaded.config.network.allow)
    for name, destination in loaded.config.destinations.items():
        key, host = destination.host
        if _is_closed(host, guard):
            text = (
                "a private or loopback address: nothing is sent there unless network.allow has it"
            )
            yield ("destinations", name, key), text


def _is_closed(host: str, guard: AddressGuard) -> bool:
    """Whether a literal address may not be reached. Other names are judged when they are used."""
    local = host == "localhost" or host.endswith(".localhost")
    try:
        guard.check(str(ip_address("127.0.0.1" if local else host)))
    except BlockedAddress:
        return True
    except ValueError:
        return False
    return False


def _placeholders(loaded: Loaded) -> Found:
    for name, value in loaded.variables.items():
        if PLACEHOLDER in value:
            yield (), f"the variable {name} still holds the starter's value: write your own"
