"""The one template environment: sandboxed, strict, bounded.

Owns how templates and expressions are compiled and run. A template sees values, never objects with
methods that act; an unknown name is an error that names the nearest known one; a template that loops or
prints without end is stopped. Errors never carry a lead's values.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_url
from zoneinfo import ZoneInfo

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway import formats
from gateway.delivery import Message
from gateway.lead import Lead
from gateway.routing import ConditionError
from gateway.template_names import IN_EXPRESSIONS, IN_TEMPLATES, SECTIONS, unknown_names

_BESIDE = Path(__file__).parent / "_templates"
TEMPLATE_ROOT = _BESIDE if _BESIDE.is_dir() else Path(__file__).parent.parent / "templates"
"""The templates that come with the program: in the wheel beside the code, in a clone above it."""

OUTPUT_CAP = 1_000_000
"""Characters one template may print."""
SECONDS = 2.0
"""Seconds one template may run."""


class TemplateError(Exception):
    """A template or expression that can not be used; says which, where, and what is wrong."""

    def __init__(self, text: str, name: str = "", line: int | None = None) -> None:
        self.name = name
        self.line = line
        place = name + (f":{line}" if line else "")
        super().__init__(f"{place}: {text}" if place else text)


class _Missing(jinja2.StrictUndefined):
    """An unknown name; its message offers the nearest one and shows no value."""

    @property
    def _undefined_message(self) -> str:
        name = str(self._undefined_name)
        hint = ""
        if isinstance(self._undefined_obj, Mapping):
            near = difflib.get_close_matches(name, [str(key) for key in self._undefined_obj], 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
        return f'"{name}" does not exist{hint}'


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, and bounds on what arithmetic can make large."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(
        self, context: jinja2.runtime.Context, operator: str, left: Any, right: Any
    ) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "**" and not (numbers and abs(right) <= 64 and abs(left) <= 10**6):
            raise SecurityError("this power is too large")
        if operator == "*" and not numbers:
            raise SecurityError("only numbers can be multiplied")
        if operator == "%" and not numbers:
            raise SecurityError("use a filter instead of % to format text")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # Values in, text out: no template needs str.format, whose fields reach into objects.
        if isinstance(obj, str) and attr in (
            "format", "format_map", "center", "ljust", "rjust", "zfill", "expandtabs", "replace",
            "join", "translate",
        ):  # fmt: skip
            return False
        return super().is_safe_attribute(obj, attr, value)


class Renderer:
    """Compiles and runs templates for one configuration. ``template_dirs`` come before ours."""

    def __init__(
        self,
        template_dirs: Sequence[Path] = (),
        *,
        language: str = "en",
        timezone: ZoneInfo | None = None,
        public_url: str | None = None,
        links: Mapping[str, str] | None = None,
        words: Mapping[str, Any] | None = None,
    ) -> None:
        self.language = language
        self.timezone = timezone or ZoneInfo("UTC")
        self._public_url = (public_url or "").rstrip("/")
        self._links = dict(links or {})
        self._env = _Sandbox(
            loader=jinja2.FileSystemLoader([*template_dirs, TEMPLATE_ROOT]),
            autoescape=lambda name: bool(name) and name.removesuffix(".j2").endswith(".html"),
            undefined=_Missing,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        for name in ("range", "lipsum", "cycler", "joiner", "namespace"):
            self._env.globals.pop(name, None)
        for name in ("format", "center", "indent", "wordwrap", "xmlattr", "pprint", "attr", "map"):
            self._env.filters.pop(name, None)
        self._words = words if words is not None else formats.load_words(TEMPLATE_ROOT, language)
        self._env.filters.update(formats.filters(language, self.timezone, self._words))
        self._texts: dict[str, jinja2.Template] = {}
        self._expressions: dict[str, Any] = {}

    def context(self, lead: Lead, message: Message) -> dict[str, Any]:
        """What a template sees: ``lead`` and its sections, ``event``, ``links``, ``saved``, ``t``."""
        values = lead.as_dict()
        context: dict[str, Any] = {name: values[name] for name in SECTIONS}
        context["lead"] = values
        context["event"] = {
            "id": message.id,
            "type": message.type,
            "occasion": message.occasion,
            "attempt": message.attempt,
            "timestamp": message.accepted_at.isoformat(),
        }
        context["saved"] = message.saved
        context["t"] = self._words
        context["language"] = self.language
        context["links"] = self._link_values(context, lead)
        return context

    def _link_values(self, context: Mapping[str, Any], lead: Lead) -> dict[str, str | None]:
        classified = None
        if (template := self._links.get("classified")) and context["property"]["classified_id"]:
            made = self.text(template, context, quote=True)
            classified = made if made.startswith(("http://", "https://")) else None
        page = None
        if self._public_url:
            page = f"{self._public_url}/leads/{quote_url(lead.source)}/{quote_url(lead.id, safe='')}"
        return {"lead": page, "classified": lead.property.url or classified}

    def file(self, name: str, context: Mapping[str, Any]) -> str:
        """Render a template file. Raises TemplateError."""
        return self._run(self._template(name), name, context)

    def text(self, source: str, context: Mapping[str, Any], *, quote: bool = False) -> str:
        """Render a template written in the configuration; ``quote`` makes values safe in a URL."""
        key = f"{quote}:{source}"
        template = self._texts.get(key)
        if template is None:
            template = self._compile(source)
            if len(self._texts) < 1000:
                self._texts[key] = template
        if quote:
            context = _quoted(context)
        return self._run(template, _short(source), context)

    def native(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Render every text in a mapping; one that is a single ``{{ expression }}`` keeps its type."""
        if isinstance(value, Mapping):
            return {str(key): self.native(item, context) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.native(item, context) for item in value]
        if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
            return value
        inner = value.strip()
        if inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1:
            return self._evaluate(inner[2:-2].strip(), context)
        return self.text(value, context)

    def expression(self, source: str) -> Callable[[Mapping[str, Any]], Any]:
        """Compile a ``when``. Comparing with null is false; other faults raise ConditionError."""
        compiled = self._compile_expression(source)

        def ask(context: Mapping[str, Any]) -> Any:
            try:
                return compiled(**context)
            except TypeError:
                return False  # null < 5 has no answer: the rule does not match
            except Exception as error:
                raise ConditionError(f"{_short(source)}: {type(error).__name__}") from error

        return ask

    def check_text(self, source: str) -> list[str]:
        """What is wrong with a template of the configuration: syntax, unknown lead fields."""
        try:
            self._env.from_string(source)  # filters are looked up here, not by parsing
            tree = self._env.parse(source)
        except jinja2.TemplateSyntaxError as error:
            return [f"the template does not compile: {error.message}"]
        return [text for _, text in unknown_names(tree, IN_TEMPLATES)]

    def check_expression(self, source: str) -> list[str]:
        """What is wrong with a ``when`` expression."""
        try:
            self._compile_expression(source)
            tree = self._env.parse("{{ " + source + " }}")
        except (TemplateError, jinja2.TemplateSyntaxError) as error:
            return [str(error)]
        return [text for _, text in unknown_names(tree, IN_EXPRESSIONS)]

    def check_file(self, name: str) -> list[str]:
        """What is wrong with a template file, with the lines in it."""
        try:
            short = self._template(name).name or name
            loader = self._env.loader
            source = loader.get_source(self._env, short)[0] if loader else ""
            faults = unknown_names(self._env.parse(source), IN_TEMPLATES)
            return [f"{name}:{line}: {text}" for line, text in faults]
        except (TemplateError, jinja2.TemplateSyntaxError) as error:
            return [str(error)]

    def has(self, name: str) -> bool:
        """Whether a template file of this name exists."""
        try:
            self._env.get_template(name)
        except jinja2.TemplateNotFound:
            return False
        except jinja2.TemplateSyntaxError:
            return True
        return True

    def _template(self, name: str) -> jinja2.Template:
        short = name.removeprefix("templates/")
        try:
            return self._env.get_template(short)
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f'there is no template "{error.name}"', name) from None
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(str(error.message), error.name or name, error.lineno) from None

    def _compile(self, source: str) -> jinja2.Template:
        try:
            return self._env.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(str(error.message), _short(source), error.lineno) from None

    def _compile_expression(self, source: str) -> Any:
        if source not in self._expressions:
            try:
                self._expressions[source] = self._env.compile_expression(
                    source, undefined_to_none=False
                )
            except jinja2.TemplateSyntaxError as error:
                raise TemplateError(f"not an expression: {error.message}", _short(source)) from None
        return self._expressions[source]

    def _evaluate(self, source: str, context: Mapping[str, Any]) -> Any:
        try:
            value = self._compile_expression(source)(**context)
        except TemplateError:
            raise
        except Exception as error:
            raise _explain(error, _short(source)) from error
        if isinstance(value, jinja2.Undefined):
            raise TemplateError(value._undefined_message, _short(source))
        return value

    def _run(self, template: jinja2.Template, name: str, context: Mapping[str, Any]) -> str:
        deadline = time.monotonic() + SECONDS
        parts: list[str] = []
        size = 0
        try:
            for part in template.generate(**context):
                size += len(part)
                if size > OUTPUT_CAP:
                    raise TemplateError(f"prints more than {OUTPUT_CAP} characters", name)
                if time.monotonic() > deadline:
                    raise TemplateError(f"runs longer than {SECONDS:g} s", name)
                parts.append(part)
        except TemplateError:
            raise
        except Exception as error:
            raise _explain(error, name) from error
        return "".join(parts)


def _explain(error: BaseException, name: str) -> TemplateError:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith((".j2", ".html", ".txt", "<template>")):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, (jinja2.UndefinedError, SecurityError, jinja2.TemplateNotFound)):
        return TemplateError(str(error), name, line)
    # Any other error's text may quote a value of the lead: its kind must do.
    return TemplateError(f"failed with {type(error).__name__}", name, line)


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return quote_url(value, safe="") if isinstance(value, str) else value


def _short(source: str) -> str:
    text = re.sub(r"\s+", " ", source).strip()
    return text if len(text) <= 60 else text[:57] + "…"
