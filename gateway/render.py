"""The one template environment: sandboxed, strict, bounded.

Owns how templates and expressions are found, compiled and run, and what they see. An unknown name
is an error that names the nearest known one; a run without end is stopped. Errors never carry a
lead's values. What can be written in a template is for gateway/template_language.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2

from gateway import bounds, formats, links
from gateway.conditions import short_cut
from gateway.delivery import Message
from gateway.lead import Lead
from gateway.routing import ConditionError
from gateway.summary import Summary
from gateway.template_faults import TemplateError, not_an_expression, short, words
from gateway.template_filters import Missing, nothing_missing
from gateway.template_language import Language
from gateway.template_names import (
    AROUND,
    IN_EXPRESSIONS,
    IN_TEMPLATES,
    SECTIONS,
    Shapes,
    unknown_names,
)
from gateway.words import spoken

_BESIDE = Path(__file__).parent / "_templates"
TEMPLATE_ROOT = _BESIDE if _BESIDE.is_dir() else Path(__file__).parent.parent / "templates"
"""The templates that come with the program: in the wheel beside the code, in a clone above it."""

__all__ = ["TEMPLATE_ROOT", "Renderer", "TemplateError"]


class Open(dict[str, Any]):
    """A map whose keys are the user's, as ``agent.ids``: one that is not there is null."""

    def __missing__(self, key: str) -> None:
        return None

    def quoted(self, how: Callable[[Any], Any]) -> Open:
        """See :func:`gateway.links.quoted`."""
        return Open({key: how(value) for key, value in self.items()})


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
        claim_link: Callable[[Lead, Message], str | None] = lambda lead, message: None,
    ) -> None:
        self.language = language
        self.timezone = timezone or ZoneInfo("UTC")
        self._public_url = (public_url or "").rstrip("/")
        self._links = dict(links or {})
        self._claim_link = claim_link
        self._words = words or spoken(template_dirs, TEMPLATE_ROOT, language)
        self._folders = tuple(str(folder) for folder in (*template_dirs, TEMPLATE_ROOT))
        self._shapes: Shapes = {**AROUND, "t": self._words}
        self._filters = formats.filters(language, self.timezone, self._words)
        self._env = Language(
            jinja2.FileSystemLoader(self._folders), self._filters, markup=_is_markup
        )
        self._texts: dict[str, jinja2.Template] = {}
        self._expressions: dict[str, Any] = {}

    @property
    def words(self) -> Mapping[str, Any]:
        """The words of the configuration's language."""
        return self._words

    def context(self, lead: Lead, message: Message) -> dict[str, Any]:
        """What a template sees: the lead, its sections, a summary of it, and what is around it."""
        values = lead.as_dict()
        values["agent"]["ids"] = Open(values["agent"]["ids"])
        context: dict[str, Any] = {name: values[name] for name in SECTIONS}
        context["lead"] = values
        context["summary"] = Summary(values, self._words, self._filters, self.language)
        context["event"] = {
            "id": message.id,
            "type": message.type,
            "occasion": message.occasion,
            "attempt": message.attempt,
            "timestamp": message.accepted_at.isoformat(),
        }
        taken = message.taken
        context["claim"] = {
            "by": taken.by if taken else None,
            "at": taken.at.isoformat() if taken else None,
            "seconds": taken.seconds if taken else None,
        }
        context["saved"] = message.saved
        context["t"] = self._words
        context["language"] = self.language
        context["links"] = self._link_values(context, lead, message)
        return context

    def complete(self, lead: Lead) -> Lead:
        """The lead with a ``property.url`` made as ``links.classified`` says, if it came without.

        Raises TemplateError.
        """
        if lead.property.url or not self._links.get("classified"):
            return lead
        values = lead.as_dict()
        url = self._classified({"lead": values, **{name: values[name] for name in SECTIONS}})
        estate = lead.property.model_copy(update={"url": url})
        return lead.model_copy(update={"property": estate}) if url else lead

    def _link_values(
        self, context: Mapping[str, Any], lead: Lead, message: Message
    ) -> dict[str, str | None]:
        page = links.lead_page(self._public_url, lead.source, lead.id) if self._public_url else None
        own = links.web_link(lead.property.url)
        return {
            "lead": page,
            "claim": self._claim_link(lead, message),
            "classified": own or self._classified(context),
        }

    def _classified(self, context: Mapping[str, Any]) -> str | None:
        """The link that ``links.classified`` makes; none where a value that it needs is missing."""
        if not (template := self._links.get("classified")):
            return None
        known = {name: context[name] for name in ("lead", *SECTIONS)}
        try:
            with nothing_missing():
                return links.web_link(self.text(template, known, quote=True))
        except Missing:
            return None

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
            context = links.quoted(context)
        return self._run(template, short(source), context)

    def native(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Render every text in a mapping; one that is just ``{{ expression }}`` keeps its type."""
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
        """Compile a ``when``. Raises TemplateError; the result raises ConditionError on a lead.

        Comparing with null is false.
        """
        compiled = self._compile_expression(source)
        quick = short_cut(self._env.parse("{{ " + source + " }}"))

        def ask(context: Mapping[str, Any]) -> Any:
            if quick is not None:
                with suppress(Exception):  # the template says better what is wrong
                    return quick(context)
            try:
                return self._value(compiled, source, context)
            except TemplateError as error:
                raise ConditionError(str(error)) from None

        return ask

    def check_text(self, source: str, shapes: Shapes | None = None) -> list[str]:
        """What is wrong with a template of the configuration: syntax, unknown lead fields.

        ``shapes`` are names that it sees besides the usual ones.
        """
        try:
            self._env.from_string(source)  # filters are looked up here, not by parsing
            tree = self._env.parse(source)
        except jinja2.TemplateSyntaxError as error:
            return [f"the template does not compile: {error.message}"]
        seen = {**self._shapes, **(shapes or {})}
        return [text for _, text in unknown_names(tree, IN_TEMPLATES, seen)]

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
            file = self._template(name).name or name
            loader = self._env.loader
            source = loader.get_source(self._env, file)[0] if loader else ""
            faults = unknown_names(self._env.parse(source), IN_TEMPLATES, self._shapes)
            return [f"{name}:{line}: {text}" for line, text in faults]
        except (TemplateError, jinja2.TemplateSyntaxError) as error:
            return [str(error)]

    def check_syntax(self, name: str) -> list[str]:
        """What keeps a template file from being compiled."""
        try:
            self._template(name)
        except TemplateError as error:
            return [str(error)]
        return []

    def has(self, name: str) -> bool:
        """Whether a template file of this name exists."""
        try:
            self._env.get_template(name)
        except jinja2.TemplateNotFound:
            return False
        except (jinja2.TemplateSyntaxError, UnicodeDecodeError, OSError):
            return True  # what is wrong with it is said when it is used
        return True

    def _template(self, name: str) -> jinja2.Template:
        file = name.removeprefix("templates/")
        try:
            return self._env.get_template(file)
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f'there is no template "{error.name}"', name) from None
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(str(error.message), error.name or name, error.lineno) from None
        except UnicodeDecodeError:
            raise TemplateError("is not UTF-8: save it as such", name) from None
        except OSError as error:
            raise TemplateError(f"can not be read: {error.strerror}", name) from None

    def _compile(self, source: str) -> jinja2.Template:
        try:
            return self._env.from_string(source)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(str(error.message), short(source), error.lineno) from None

    def _compile_expression(self, source: str) -> Any:
        if source not in self._expressions:
            try:
                self._expressions[source] = self._env.compile_expression(
                    source, undefined_to_none=False
                )
            except jinja2.TemplateSyntaxError as error:
                raise not_an_expression(error, source) from None
        return self._expressions[source]

    def _evaluate(self, source: str, context: Mapping[str, Any]) -> Any:
        return self._value(self._compile_expression(source), source, context)

    def _value(self, compiled: Any, source: str, context: Mapping[str, Any]) -> Any:
        with self._guarded(short(source), context):
            value = compiled(**context)
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises, and names it
            return list(value) if isinstance(value, Iterator) else value

    def _run(self, template: jinja2.Template, name: str, context: Mapping[str, Any]) -> str:
        parts: list[str] = []
        size = 0
        with self._guarded(name, context):
            for part in template.generate(**context):
                size += len(part)
                if size > bounds.OUTPUT_CAP:
                    raise bounds.Exceeded(f"prints more than {bounds.OUTPUT_CAP} characters")
                bounds.spend()
                parts.append(part)
        return "".join(parts)

    @contextmanager
    def _guarded(self, name: str, context: Mapping[str, Any]) -> Iterator[None]:
        """Run within bounds; whatever goes wrong is a TemplateError without a lead's values."""
        try:
            with bounds.bounded():
                yield
        except (TemplateError, Missing):
            raise
        except Exception as error:
            place, line = self._place(error, name)
            raise TemplateError(words(error, context), place, line) from error

    def _place(self, error: BaseException, name: str) -> tuple[str, int | None]:
        """The file and line where it went wrong: in one that is included, those of that one."""
        place: tuple[str, int | None] = (name, None)
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            folder = next((item for item in self._folders if file.startswith(item)), None)
            if folder is not None:
                place = (Path(file).relative_to(folder).as_posix(), trace.tb_lineno)
            elif file == "<template>":
                place = (name, trace.tb_lineno)
            trace = trace.tb_next
        return place


def _is_markup(name: str | None) -> bool:
    return name is not None and name.removesuffix(".j2").endswith((".html", ".htm", ".xml"))
