"""The calls of one webhook delivery: which there are, which is next, what each leaves behind.

A webhook of gateway.yaml is one call; a preset may chain several. What a call found out is kept
under its name in the delivery (``saved``), so that a retry resumes where the last attempt ended.
Makes requests and opens no connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.delivery import Message
from gateway.destinations.answer import Answer, Lift, lifted, same
from gateway.destinations.preset_values import STANDARD, Values
from gateway.destinations.presets import Preset, Recheck, StepRecipe
from gateway.destinations.rules import Rules
from gateway.destinations.webhook_body import as_text
from gateway.destinations.webhook_config import WebhookConfig
from gateway.destinations.webhook_request import RequestTemplate, Written
from gateway.destinations.webhook_url import is_template
from gateway.http import Request
from gateway.lead import Lead
from gateway.render import Renderer

ONLY = "request"
"""The name of the one call of a webhook without a preset."""

Credentials = tuple[Mapping[str, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question whether a step was done already, asked before it is done again."""

    recipe: Recheck
    template: RequestTemplate
    renderer: Renderer

    def question(
        self, lead: Lead, message: Message, context: Mapping[str, Any]
    ) -> tuple[Request | None, Mapping[str, Any]]:
        """The request, if it makes sense for this lead, and what the right item has.

        Raises TemplateError.
        """
        when = self.recipe.when
        if when is not None and not self.renderer.native("{{ " + when + " }}", context):
            return None, {}
        wanted = self.renderer.native(self.recipe.match, context)
        return self.template.request(lead, message, context), wanted

    def found(self, answer: Answer, wanted: Mapping[str, Any]) -> str | int | None:
        """The id of what is there already and matches; None when it is not there."""
        for item in _items(answer.at(self.recipe.items)):
            if not isinstance(item, Mapping):
                continue
            one = Answer.of(item)
            if all(_alike(one.at(path), value) for path, value in wanted.items()):
                return lifted(self.recipe.id, one)
        return None


def _items(found: list[Any]) -> list[Any]:
    return found[0] if len(found) == 1 and isinstance(found[0], list) else found


def _alike(found: list[Any], wanted: Any) -> bool:
    # What a template makes of an id is text, and the CRM may have made a number of it.
    return any(same(item, wanted) or str(item) == str(wanted) for item in found)


@dataclass(frozen=True, slots=True)
class Step:
    """One call."""

    name: str
    template: RequestTemplate
    rules: Rules
    when: str | None = None
    save: Mapping[str, str | Lift] | None = None
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What a delivery remembers between its calls.

    ``done`` is by step; ``attempt`` the number of the attempt that ended the last one.
    """

    done: Mapping[str, Mapping[str, Any]]
    attempt: int = 0

    @classmethod
    def of(cls, message: Message) -> Saved:
        """What ``message`` brings along."""
        return cls(message.saved.get("steps", {}), int(message.saved.get("attempt", 0)))

    def after(self, step: Step, left: Mapping[str, Any], attempt: int) -> dict[str, Any]:
        """What to keep once ``step`` is done, and ``left`` is what it left behind."""
        return {"steps": {**self.done, step.name: dict(left)}, "attempt": attempt}

    def is_repeat(self, message: Message) -> bool:
        """Whether the call to make next may have been made before."""
        return message.attempt > self.attempt + 1


class Plan:
    """All calls of one destination, in order."""

    def __init__(self, config: WebhookConfig, renderer: Renderer, credentials: Credentials) -> None:
        self._renderer = renderer
        self.recipe = config.recipe
        self._given = {name: _open(value) for name, value in config.given.items()}
        self._has_templates = any(_is_template(value) for value in self._given.values())
        if self.recipe is None:
            written = Written(
                config.method, config.url or "", config.headers, config.body, config.form
            )
            rules = Rules(config.success, config.duplicate, config.permanent, config.retry.when)
            template = RequestTemplate(written, renderer, credentials)
            self.steps: tuple[Step, ...] = (Step(ONLY, template, rules),)
        else:
            self.steps = tuple(
                _step(recipe, self.recipe, config, renderer, credentials)
                for recipe in self.recipe.steps
            )
        self._is_plain = self.recipe is None and self.steps[0].template.is_plain

    def context(self, lead: Lead, message: Message) -> dict[str, Any]:
        """What the templates of the steps see. Raises TemplateError."""
        if self._is_plain:
            return {}
        context = self._renderer.context(lead, message)
        if self.recipe is None:
            return context
        given = self._renderer.native(self._given, context) if self._has_templates else self._given
        context["with"] = self._as_text(given)
        done = Saved.of(message).done
        context["saved"] = {
            step.name: {"id": None, **dict.fromkeys(step.save or ()), **done.get(step.name, {})}
            for step in self.steps
        }
        sources = {**STANDARD, **self.recipe.values}
        context["values"] = Values(sources, lambda source: self._renderer.native(source, context))
        return context

    def _as_text(self, given: dict[str, Any]) -> dict[str, Any]:
        """The values of ``with``, with those fields as texts that their receiver wants so."""
        parameters = self.recipe.given if self.recipe else {}
        texts = {
            name: {key: as_text(item) for key, item in given[name].items() if item is not None}
            for name, parameter in parameters.items()
            if parameter.as_text
        }
        return {**given, **texts}

    def refusal(self, context: Mapping[str, Any]) -> str | None:
        """Why this lead is not sent at all, in the preset's words. Raises TemplateError."""
        needs = self.recipe.requires if self.recipe else None
        if needs is None or self._renderer.native("{{ " + needs.when + " }}", context):
            return None
        return needs.otherwise

    def next(self, message: Message, context: Mapping[str, Any]) -> Step | None:
        """The call to make now; None when all are made. Raises TemplateError."""
        done = Saved.of(message).done
        for step in self.steps:
            if step.name in done:
                continue
            if step.when is None or self._renderer.native("{{ " + step.when + " }}", context):
                return step
        return None

    def remote_id(self, saved: Mapping[str, Mapping[str, Any]]) -> str | None:
        """The receiver's id of the lead, out of what the steps left behind."""
        name = self.recipe.remote_id if self.recipe else None
        ids = [left.get("id") for step, left in saved.items() if name in (None, step)]
        found = [item for item in ids if item is not None]
        return str(found[-1]) if found else None

    def left_behind(self, step: Step, answer: Answer, found: str | int | None) -> dict[str, Any]:
        """What ``step`` leaves for those after it."""
        more = {name: lifted(place, answer) for name, place in (step.save or {}).items()}
        return {"id": found, **more}


def _step(
    recipe: StepRecipe,
    preset: Preset,
    config: WebhookConfig,
    renderer: Renderer,
    credentials: Credentials,
) -> Step:
    base = config.base_url
    headers = {**preset.headers, **recipe.headers, **config.headers}
    size = preset.max_body
    written = Written(
        recipe.method,
        base + recipe.path,
        headers,
        recipe.body,
        recipe.form,
        step=recipe.name if len(preset.steps) > 1 else "",
        omit_empty=recipe.omit_empty,
        max_body=size,
    )
    rules = Rules(
        recipe.success,
        (*recipe.duplicate, *preset.duplicate),
        (*recipe.permanent, *preset.permanent),
        (*config.retry.when, *recipe.retry, *preset.retry),
    )
    lookup = None
    if recipe.recheck is not None:
        question = Written("GET", base + recipe.recheck.path, preset.headers, bare=True)
        lookup = Lookup(recipe.recheck, RequestTemplate(question, renderer, credentials), renderer)
    template = RequestTemplate(written, renderer, credentials)
    return Step(recipe.name, template, rules, recipe.when, recipe.save, lookup)


def _open(value: Any) -> Any:
    """A value of ``with`` as templates see it: secrets too."""
    secret = getattr(value, "get_secret_value", None)
    return secret() if secret is not None else value


def _is_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_template(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_is_template(item) for item in value)
    return isinstance(value, str) and is_template(value)
