"""The webhook: a lead as HTTP requests, signed, to a CRM or anything else that listens.

Owns how a call is sent and what is done with its answer. What the calls are is for
webhook_steps.py, how a request is written for webhook_request.py, what an answer means for
rules.py. Opens no connection itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gateway.delivery import (
    ERASED,
    Continue,
    Deferred,
    Delivered,
    Message,
    Outcome,
    Reason,
    Refused,
)
from gateway.destinations.announcing import as_json
from gateway.destinations.answer import Answer, CutOff
from gateway.destinations.protocol import Preview, Surroundings, VerifyError
from gateway.destinations.rules import Rules, judge
from gateway.destinations.webhook_body import envelope
from gateway.destinations.webhook_config import WebhookConfig
from gateway.destinations.webhook_request import MASKED, Hiding
from gateway.destinations.webhook_signin import SignIn, no_token
from gateway.destinations.webhook_steps import Plan, Saved, Step
from gateway.destinations.webhook_url import origin_of
from gateway.http import ANSWER_LIMIT, Exchange, HttpClient, Request, WireError
from gateway.http.asking import RemoteProblem
from gateway.lead import Lead
from gateway.notice import Notice
from gateway.oauth import OwnTokens, TokenStore
from gateway.render import Renderer, TemplateError
from gateway.signing import signature_headers

__all__ = ["PreparedRequest", "WebhookConfig", "WebhookDestination"]

_VERIFY_SECONDS = 10.0
_LOOKED_INTO = 1_000_000
"""Bytes of an answer that are read where a preset has to find something in it."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One call, complete but for the signature, which carries the time of sending.

    ``ending`` is set when there is nothing to send: all is done, or this lead is not for there.
    ``shown`` is what preview prints.
    """

    request: Request
    lead: Lead
    message: Message
    step: Step | None
    shown: Callable[[], Preview] = field(repr=False)
    lookup: Request | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)
    ending: Outcome | None = None

    def preview(self) -> Preview:
        """The request as people may see it: credentials masked, by where they are and by name."""
        return self.shown()


class WebhookDestination:
    """Sends leads to one receiver. ``http`` is its own and is closed with it."""

    kind = "webhook"
    threads = False

    def __init__(
        self,
        name: str,
        config: WebhookConfig,
        renderer: Renderer,
        http: HttpClient,
        *,
        tokens: TokenStore | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._config = config
        self._http = http
        self._clock = clock
        self._timeout = config.timeout.total_seconds()
        self._keys = config.sign.keys if config.sign else ()
        self._hmac = config.sign.hmac.signer if config.sign and config.sign.hmac else None
        auth = config.credentials
        where = f"destinations.{name}." + ("with" if config.preset else "auth.oauth2")
        kept = tokens or OwnTokens(clock)
        self._signin = SignIn.build(auth, where, http, kept, clock)
        credentials = auth.on_the_wire() if auth else ({}, {})
        self._plan = Plan(config, renderer, credentials)
        self._hiding = Hiding([*credentials[0], *credentials[1]], config.secrets)

    @classmethod
    def build(cls, name: str, config: WebhookConfig, around: Surroundings) -> WebhookDestination:
        """See :class:`gateway.destinations.protocol.Buildable`."""
        http = HttpClient(
            around.guard,
            connections=config.concurrency,
            ca_file=around.folder / config.ca_file if config.ca_file else None,
            proxy=config.proxy.get_secret_value() if config.proxy else None,
            answer_limit=_LOOKED_INTO if config.preset else ANSWER_LIMIT,
        )
        return cls(name, config, around.renderer, http, tokens=around.tokens)

    def render(self, lead: Lead, message: Message) -> PreparedRequest:
        """Prepare the next call, the same on every attempt. Raises TemplateError."""
        context = self._plan.context(lead, message)
        if (why := self._plan.refusal(context)) is not None:
            return self._ended(lead, message, Refused(Reason.REJECTED, answer=f"not sent: {why}"))
        step = self._plan.next(message, context)
        if step is None:
            done = Saved.of(message).done
            said = "every call was made already"
            ending = Delivered(answer=said, remote_id=self._plan.remote_id(done))
            return self._ended(lead, message, ending)
        request = step.template.request(lead, message, context)
        if message.occasion == ERASED:
            # No template of a lead fits one that is no more: the standard envelope, with ids alone.
            plain = {**request.headers, "content-type": "application/json"}
            request = replace(request, headers=plain, body=envelope(lead, message))
        lookup, wanted = self._lookup(step, lead, message, context)
        return PreparedRequest(
            request,
            lead,
            message,
            step,
            lambda: self._preview(step, request, lookup, lead, message),
            lookup,
            wanted,
        )

    async def send(self, prepared: PreparedRequest) -> Outcome:
        """Sign it with the time it is now, send it, and say what the answer means."""
        if prepared.ending is not None or prepared.step is None:
            return prepared.ending or Delivered()
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            if prepared.lookup is not None:
                found = await self._looked_up(prepared, prepared.step, prepared.lookup, deadline)
                if found is not None:
                    return found
            request = self._signed(prepared.request, prepared.message)
            exchange, token = await self._signin.exchange(request, deadline)
        except WireError as error:
            return Deferred(error.reason, answer=error.text, uncertain=error.uncertain)
        except RemoteProblem as problem:
            return no_token(problem)
        answer = self._answer(exchange, token)
        verdict = judge(prepared.step.rules, answer, self._clock())
        if not isinstance(verdict.outcome, Delivered):
            return verdict.outcome
        try:
            left = self._plan.left_behind(prepared.step, answer, verdict.id)
        except CutOff:
            return Deferred(Reason.TOO_LARGE, answer.status, uncertain=True)
        return self._done(prepared, prepared.step, left, verdict.outcome)

    async def announce(self, notice: Notice) -> Outcome:
        """See :class:`gateway.destinations.protocol.Destination`: where leads go, as JSON."""
        if self._config.preset is not None:
            return Refused(Reason.CONFIGURATION, answer="a CRM's preset takes leads, no alerts")
        try:
            prepared = self.render(notice.nobody, Message(notice.id, self.name, notice.at))
        except TemplateError as error:
            return Refused(Reason.TEMPLATE, answer=str(error))
        headers = {**prepared.request.headers, "content-type": "application/json"}
        request = replace(prepared.request, headers=headers, body=as_json(notice))
        return await self.send(replace(prepared, request=request))

    async def verify(self) -> str:
        """Ask the host's root with OPTIONS, which delivers nothing; get a token if one is needed.

        Raises VerifyError.
        """
        place = origin_of(self._config.base_url)
        try:
            exchange = await self._http.exchange(
                Request("OPTIONS", place / ""), min(self._timeout, _VERIFY_SECONDS)
            )
            await self._signin.verify()
        except WireError as error:
            raise VerifyError(f"{place}: {error} ({error.reason})") from error
        except RemoteProblem as problem:
            raise VerifyError(problem.text) from problem
        signed_in = ", and gave an access token" if self._signin.has_token else ""
        return f"{place} answers (HTTP {exchange.status}){signed_in}"

    async def close(self) -> None:
        """Give back connections."""
        await self._http.close()

    def _done(
        self, prepared: PreparedRequest, step: Step, left: Mapping[str, Any], outcome: Delivered
    ) -> Outcome:
        """One call is done: go on with the next, or the lead is delivered."""
        if len(self._plan.steps) == 1:
            return outcome
        message = prepared.message
        saved = Saved.of(message).after(step, left, message.attempt)
        later = replace(message, saved=saved)
        try:
            ended = self._plan.next(later, self._plan.context(prepared.lead, later)) is None
        except TemplateError:
            ended = False  # the attempt that makes the call says so, with its line
        if ended:
            return replace(outcome, remote_id=self._plan.remote_id(saved["steps"]))
        return Continue(saved, outcome.status, outcome.answer)

    def _lookup(
        self, step: Step, lead: Lead, message: Message, context: Mapping[str, Any]
    ) -> tuple[Request | None, Mapping[str, Any]]:
        """The request that finds out whether a step was done already, if it is to be asked."""
        if step.lookup is None or not (
            step.lookup.recipe.always or Saved.of(message).is_repeat(message)
        ):
            return None, {}
        return step.lookup.question(lead, message, context)

    async def _looked_up(
        self, prepared: PreparedRequest, step: Step, lookup: Request, deadline: float
    ) -> Outcome | None:
        """How it ends when the step was done already, or nobody can say; None: do it."""
        exchange, token = await self._signin.exchange(lookup, deadline)
        answer = self._answer(exchange, token)
        try:
            verdict = judge(Rules(try_again=step.rules.try_again), answer, self._clock())
            if isinstance(verdict.outcome, Deferred):
                return verdict.outcome
            if not isinstance(verdict.outcome, Delivered) or step.lookup is None:
                return None  # this question is never answered: doing it twice is the lesser evil
            found = step.lookup.found(answer, prepared.wanted)
        except CutOff:
            return None
        if found is None:
            return None
        there = Delivered(Reason.DUPLICATE, answer.status, "it was there already", str(found))
        return self._done(prepared, step, {"id": found}, there)

    def _answer(self, exchange: Exchange, token: str) -> Answer:
        hide = (*self._hiding.texts, token) if token else self._hiding.texts
        recipe = self._config.recipe
        return Answer(exchange, hide, recipe.conceal if recipe else ())

    def _signed(self, request: Request, message: Message) -> Request:
        headers: dict[str, str] = {}
        if self._keys:
            now = int(self._clock().timestamp())
            headers |= signature_headers(self._keys, message.id, now, request.body)
        if self._hmac is not None:
            headers |= self._hmac.over(request.body)
        return replace(request, headers={**request.headers, **headers}) if headers else request

    def _ended(self, lead: Lead, message: Message, ending: Outcome) -> PreparedRequest:
        place = origin_of(self._config.base_url)
        return PreparedRequest(
            Request("", place),
            lead,
            message,
            None,
            lambda: Preview(f"nothing for {place.host}", [("", ending.answer)]),
            ending=ending,
        )

    def _preview(
        self, step: Step, request: Request, lookup: Request | None, lead: Lead, message: Message
    ) -> Preview:
        """This call, the question before it, and those after it with names in place of ids."""
        extra = self._added_by_sending()
        preview = self._hiding.preview(request, extra)
        if lookup is not None:
            asked = self._hiding.preview(lookup, extra[-1:] if self._signin.has_token else ())
            preview.others.append((f"before it: is the {step.name} there already?", asked))
        following: Step | None = step
        while len(self._plan.steps) > 1 and following is not None:
            left = {"id": f"ID_OF_{following.name.upper()}"}
            saved = Saved.of(message).after(following, left, message.attempt)
            message = replace(message, saved=saved)
            context = self._plan.context(lead, message)
            following = self._plan.next(message, context)
            if following is not None:
                then = following.template.request(lead, message, context)
                preview.others.append(
                    (f"then: {following.name}", self._hiding.preview(then, extra))
                )
        return preview

    def _added_by_sending(self) -> list[tuple[str, str]]:
        added = []
        if self._keys:
            added.append(("webhook-timestamp", "(the time of sending)"))
            added.append(("webhook-signature", f"v1,{MASKED}"))
        if self._hmac is not None:
            added.append((self._hmac.name, f"{self._hmac.prefix}{MASKED}"))
        if self._signin.has_token:
            added.append(("authorization", MASKED))
        return added
