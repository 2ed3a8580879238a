"""A mail against real servers: what they get, who is tried again, and what their answers mean."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from gateway.addresses import AddressGuard
from gateway.delivery import Deferred, Delivered, Message, Outcome, Reason, Refused
from gateway.destinations.email import EmailConfig, EmailDestination
from gateway.destinations.protocol import VerifyError
from gateway.lead import Contact
from gateway.render import Renderer
from gateway.sandbox.sinks import MailInbox, serve_mail
from tests import wire
from tests.builders import NOON, a_lead

pytestmark = pytest.mark.anyio

DESK, ANNE, BOSS = "desk@agency.example", "anne@agency.example", "boss@agency.example"
Build = Callable[..., EmailDestination]


@pytest.fixture
async def inbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Build]:
    """Builds a destination from the server's URL and what else gateway.yaml says of it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(wire.AUTHORITY))
    built: list[EmailDestination] = []

    def build(
        smtp: str, guard: AddressGuard | None = None, folder: Path | None = None, **given: Any
    ) -> EmailDestination:
        config = EmailConfig.model_validate(
            {"smtp": smtp, "from": "Leads <leads@agency.example>", "to": [DESK], **given}
        )
        renderer = Renderer([folder] if folder else [])
        guard = guard or wire.loopback()
        built.append(EmailDestination("inbox", config, renderer, guard, folder or Path()))
        return built[-1]

    yield build
    for destination in built:
        await destination.close()


async def deliver(destination: EmailDestination, **given: Any) -> Outcome:
    message = Message("dlv_0123", "inbox", NOON, **given)
    async with asyncio.timeout(wire.DEADLINE):
        return await destination.send(destination.render(a_lead(), message))


def server(
    *,
    greeting: str = "220 mail.example ready",
    ehlo: str = "250 mail.example",
    rcpt: dict[str, str] | None = None,
    log: list[str] | None = None,
    **answers: str | Iterator[str],
) -> wire.Script:
    """A mail server by the book, but for these answers, one each time where there are several.

    ``hang`` waits, ``leave`` hangs up, ``drip`` never gets to the end of its answer.
    """

    def one_of(given: str | Iterator[str]) -> str:
        return given if isinstance(given, str) else next(given)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> bool:
            if text == "leave":
                writer.transport.abort()
                return False
            while text == "drip":
                writer.write(b"250-slowly\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)  # the dripping is what is tested
            if text == "hang":
                await asyncio.Event().wait()
            writer.write(text.replace("\n", "\r\n").encode("latin-1") + b"\r\n")
            await writer.drain()
            return not text.startswith("421")

        if not await say(greeting):
            return
        while line := (await reader.readline()).decode("latin-1").strip():
            verb = line.split()[0].lower()
            if log is not None:
                log.append(line)
            usual = {"data": "354 go on", "auth": "235 in"}.get(verb, "250 ok")
            given = one_of(answers.get(verb, usual))
            if verb == "ehlo":
                given = ehlo
            if verb == "rcpt" and rcpt:
                given = next((said for name, said in rcpt.items() if name in line), given)
            if not await say(given):
                return
            if verb == "data" and given == "354 go on":
                await reader.readuntil(b"\r\n.\r\n")
                if not await say(one_of(answers.get("content", "250 queued"))):
                    return

    return script


def plain(here: wire.Server, user: str = "") -> str:
    return f"smtp://{user}127.0.0.1:{here.port}?starttls=never"


async def test_a_mail_arrives_whole(inbox: Build) -> None:
    sink = MailInbox()
    async with serve_mail(sink) as url:
        destination = inbox(url, cc=[ANNE], bcc=[BOSS])
        assert isinstance(await deliver(destination), Delivered)
    mail, recipients = sink.got.all[0].content
    assert recipients == (DESK, ANNE, BOSS)
    assert mail["X-Lead-Id"] == "lead-1"
    assert mail["Bcc"] is None
    assert "Camille Essai" in mail.get_body(("html",)).get_content()
    assert "Camille Essai" in mail.get_body(("plain",)).get_content()


async def test_a_message_can_not_end_the_mail(inbox: Build, tmp_path: Path) -> None:
    sink = MailInbox()
    (tmp_path / "email" / "bare").mkdir(parents=True)
    (tmp_path / "email" / "bare" / "subject.txt").write_text("{{ contact.full_name }}")
    (tmp_path / "email" / "bare" / "body.txt").write_text("{{ lead.message }}")
    words = "a\r\n.\r\nRSET\r\nMAIL FROM:<evil@example.com>\r\n.b\r\n..\r\nz"
    async with serve_mail(sink) as url:
        destination = inbox(url, folder=tmp_path, template="bare")
        lead = a_lead(message=words, contact=Contact(full_name="x\r\nBcc: y@example.com"))
        prepared = destination.render(lead, Message("dlv_1", "inbox", NOON))
        assert isinstance(await destination.send(prepared), Delivered)
    assert len(sink.got.all) == 1
    mail, recipients = sink.got.all[0].content
    assert recipients == (DESK,)
    assert mail.get_content() == words + "\r\n"
    assert mail["Bcc"] is None


async def test_connections_are_kept_and_checked(inbox: Build) -> None:
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        destination = inbox(plain(here))
        for _ in range(3):
            assert isinstance(await deliver(destination), Delivered)
        assert here.connections == 1
    assert [line.split()[0] for line in log].count("EHLO") == 1
    assert "RSET" in log


async def test_a_kept_connection_that_died_is_replaced(inbox: Build) -> None:
    async with wire.listening(server(rset="421 bye")) as here:
        destination = inbox(plain(here))
        for _ in range(2):
            assert isinstance(await deliver(destination), Delivered)
        assert here.connections == 2


async def test_a_connection_outlives_a_mail_that_was_refused(inbox: Build) -> None:
    async with wire.listening(server(content="554 looks like spam")) as here:
        destination = inbox(plain(here))
        for _ in range(2):
            assert isinstance(await deliver(destination), Refused)
        assert here.connections == 1


@pytest.mark.parametrize(
    ("moment", "end"),
    [("mail", "421 too many"), ("mail", "leave"), ("rset", "leave"), ("data", "421 too many")],
)
async def test_a_mail_that_meets_a_dying_connection_goes_over_a_new_one_once(
    inbox: Build, moment: str, end: str
) -> None:
    log: list[str] = []
    usual = "354 go on" if moment == "data" else "250 ok"
    answers = {moment: iter([end] if moment == "rset" else [usual, end, usual])}
    async with wire.listening(server(log=log, **answers)) as here:
        destination = inbox(plain(here))
        for _ in range(2):
            assert isinstance(await deliver(destination), Delivered)
        assert here.connections == 2
    assert log.count("DATA") == (3 if moment == "data" else 2)


async def test_a_mail_that_may_have_arrived_is_not_handed_in_again(inbox: Build) -> None:
    log: list[str] = []
    async with wire.listening(server(log=log, content=iter(["250 queued", "leave"]))) as here:
        destination = inbox(plain(here))
        assert isinstance(await deliver(destination), Delivered)
        second = await deliver(destination)
        assert here.connections == 1
    assert isinstance(second, Deferred)
    assert (second.reason, second.uncertain) == (Reason.CONNECTION, True)
    assert log.count("DATA") == 2


async def test_a_connection_takes_so_many_mails_and_no_more(
    inbox: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.destinations.smtp.MAILS", 2)
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        destination = inbox(plain(here))
        for _ in range(5):
            assert isinstance(await deliver(destination), Delivered)
        assert here.connections == 3
        async with asyncio.timeout(wire.DEADLINE):
            while log.count("QUIT") < 2:
                await asyncio.sleep(0)


async def test_an_idle_connection_is_let_go_with_a_goodbye(
    inbox: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.destinations.smtp.IDLE_FOR", 0.05)
    ended = asyncio.Event()
    script = server()

    async def watched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await script(reader, writer)
        ended.set()

    async with wire.listening(watched) as here:
        assert isinstance(await deliver(inbox(plain(here))), Delivered)
        await asyncio.wait_for(ended.wait(), wire.DEADLINE)


async def test_no_more_connections_wait_idle_than_are_of_use(
    inbox: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.destinations.smtp.KEPT", 2)
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        destination = inbox(plain(here))
        outcomes = await asyncio.gather(*(deliver(destination) for _ in range(5)))
        async with asyncio.timeout(wire.DEADLINE):
            while log.count("QUIT") < 3:
                await asyncio.sleep(0)
        assert here.connections == 5
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)


async def test_who_needs_smtputf8_gets_a_mail_of_their_own(inbox: Build) -> None:
    sink = MailInbox()
    async with serve_mail(sink, enable_SMTPUTF8=True) as url:
        destination = inbox(url, to=[DESK, "Zoé <zoé@exämple.example>"])
        assert isinstance(await deliver(destination), Delivered)
    assert [item.content[1] for item in sink.got.all] == [(DESK,), ("zoé@xn--exmple-cua.example",)]
    assert sink.got.all[0].content[0]["To"] == DESK


async def test_a_server_without_smtputf8_refuses_only_who_needs_it(inbox: Build) -> None:
    sink = MailInbox()
    async with serve_mail(sink) as url:
        both = await deliver(inbox(url, to=[DESK, "zoé@agency.example"]))
        alone = await deliver(inbox(url, to=["zoé@agency.example"]))
    assert isinstance(both, Delivered)
    assert "recipient 2 of 2 at agency.example: 553 5.6.7 this server takes" in both.answer
    assert isinstance(alone, Refused)
    assert (alone.reason, alone.status) == (Reason.RECIPIENT_REFUSED, 553)
    assert [item.content[1] for item in sink.got.all] == [(DESK,)]


async def test_trouble_with_the_second_mail_does_not_repeat_the_first(inbox: Build) -> None:
    log: list[str] = []
    ehlo = "250-mail.example\n250 SMTPUTF8"
    script = server(ehlo=ehlo, log=log, content=iter(["250 queued", "451 busy", "250 queued"]))
    async with wire.listening(script) as here:
        destination = inbox(plain(here), to=[DESK, "zoe@agency.example", "zo\u00e9@agency.example"])
        first = await deliver(destination)
        assert isinstance(first, Deferred)
        assert "recipient 3 of 3 at agency.example: 451" in first.answer
        assert isinstance(await deliver(destination, saved=first.saved), Delivered)
    assert [line for line in log if "desk@" in line] == [f"RCPT TO:<{DESK}>"]


async def test_only_who_was_refused_for_now_is_tried_again(inbox: Build) -> None:
    sink = MailInbox()
    sink.refuse = {ANNE: f"451 4.7.1 {ANNE} greylisted", BOSS: f"550 5.1.1 <{BOSS}> unknown"}
    async with serve_mail(sink) as url:
        destination = inbox(url, to=[DESK, ANNE, BOSS])
        first = await deliver(destination)
        assert isinstance(first, Deferred)
        assert (first.reason, first.status) == (Reason.SMTP_DEFERRED, 451)
        assert "recipient 2 of 3 at agency.example: 451" in first.answer
        assert "recipient 3 of 3 at agency.example: 550" in first.answer
        assert "@" not in first.answer + repr(first.saved)

        second = await deliver(destination, attempt=2, saved=first.saved)
        assert isinstance(second, Deferred)
        assert (second.reason, second.saved) == (Reason.SMTP_DEFERRED, first.saved)
        assert second.answer.startswith("recipient 2 of 3 at agency.example: 451")

        sink.refuse = {}
        third = await deliver(destination, attempt=3, saved=second.saved)
        assert isinstance(third, Delivered)
    assert [item.content[1] for item in sink.got.all] == [(DESK,), (ANNE,)]


async def test_a_recipient_lost_for_good_does_not_undo_who_has_the_mail(inbox: Build) -> None:
    sink = MailInbox()
    sink.refuse = {ANNE: "450 later"}
    async with serve_mail(sink) as url:
        destination = inbox(url, to=[DESK, ANNE])
        first = await deliver(destination)
        assert isinstance(first, Deferred)
        sink.refuse = {ANNE: "550 never"}
        second = await deliver(destination, attempt=2, saved=first.saved)
    assert isinstance(second, Delivered)
    assert "recipient 2 of 2 at agency.example: 550 never" in second.answer


async def test_a_recipient_who_left_the_configuration_is_not_waited_for(inbox: Build) -> None:
    sink = MailInbox()
    sink.refuse = {ANNE: "450 later"}
    async with serve_mail(sink) as url:
        first = await deliver(inbox(url, to=[DESK, ANNE]))
        assert isinstance(first, Deferred)
        again = await deliver(inbox(url, to=[DESK]), attempt=2, saved=first.saved)
        moved = await deliver(inbox(url, to=[BOSS, DESK]), attempt=2, saved=first.saved)
    assert isinstance(again, Delivered)
    assert isinstance(moved, Delivered)
    assert [item.content[1] for item in sink.got.all] == [(DESK,), (BOSS,)]


@pytest.mark.parametrize(
    ("rcpt", "kind", "reason", "status"),
    [
        ({"desk": "550 no", "anne": "551 no"}, Refused, Reason.RECIPIENT_REFUSED, 550),
        ({"desk": "550 no", "anne": "452 full"}, Deferred, Reason.SMTP_DEFERRED, 452),
        ({"desk": "450 later", "anne": "451 later"}, Deferred, Reason.SMTP_DEFERRED, 450),
    ],
)
async def test_when_nobody_is_accepted_the_kindest_answer_counts(
    inbox: Build, rcpt: dict[str, str], kind: type, reason: Reason, status: int
) -> None:
    async with wire.listening(server(rcpt=rcpt)) as here:
        outcome = await deliver(inbox(plain(here), to=[DESK, ANNE]))
    assert (type(outcome), getattr(outcome, "reason", None)) == (kind, reason)
    assert outcome.status == status


async def test_some_refused_for_good_is_delivered_and_said(inbox: Build) -> None:
    async with wire.listening(server(rcpt={"anne": "550 no such user"})) as here:
        outcome = await deliver(inbox(plain(here), to=[DESK, ANNE]))
    assert isinstance(outcome, Delivered)
    assert "recipient 2 of 2 at agency.example: 550 no such user" in outcome.answer


@pytest.mark.parametrize(
    ("answers", "kind", "reason", "status"),
    [
        ({"content": "451 later"}, Deferred, Reason.SMTP_DEFERRED, 451),
        ({"content": "554 spam"}, Refused, Reason.SMTP_REFUSED, 554),
        ({"data": "554 no"}, Refused, Reason.SMTP_REFUSED, 554),
        ({"data": "451 busy"}, Deferred, Reason.SMTP_DEFERRED, 451),
        ({"mail": "550 who are you"}, Refused, Reason.SMTP_REFUSED, 550),
        ({"mail": "552 too large"}, Refused, Reason.SMTP_REFUSED, 552),
        ({"mail": "452 no room"}, Deferred, Reason.SMTP_DEFERRED, 452),
        ({"mail": "530 sign in first"}, Deferred, Reason.CREDENTIALS, 530),
        ({"mail": "421 closing"}, Deferred, Reason.SMTP_DEFERRED, 421),
        ({"rcpt": {"desk": "421 closing"}}, Deferred, Reason.SMTP_DEFERRED, 421),
        ({"content": "421 closing"}, Deferred, Reason.SMTP_DEFERRED, 421),
        ({"greeting": "554 not for you"}, Deferred, Reason.SMTP_DEFERRED, 554),
        ({"greeting": "421 busy"}, Deferred, Reason.SMTP_DEFERRED, 421),
        ({"greeting": "SSH-2.0-sshd"}, Deferred, Reason.PROTOCOL, None),
        ({"ehlo": "550 no", "helo": "550 no"}, Deferred, Reason.SMTP_DEFERRED, 550),
        ({"mail": "hello"}, Deferred, Reason.PROTOCOL, None),
    ],
)
async def test_a_servers_answer_becomes_its_outcome(
    inbox: Build, answers: dict[str, Any], kind: type, reason: Reason, status: int | None
) -> None:
    async with wire.listening(server(**answers)) as here:
        outcome = await deliver(inbox(plain(here)))
    assert (type(outcome), getattr(outcome, "reason", None)) == (kind, reason)
    assert outcome.status == status


async def test_the_servers_words_are_kept_without_addresses(inbox: Build) -> None:
    words = f"554-5.7.1 <{DESK}>: see\n554 https://help.example/?id=hush caf\xe9 +33639981234"
    async with wire.listening(server(content=words)) as here:
        outcome = await deliver(inbox(plain(here)))
    assert isinstance(outcome, Refused)
    assert outcome.answer.startswith("554 5.7.1 <[email]>: see")
    assert not [word for word in ("desk@", "hush", "0639", "33639") if word in outcome.answer]
    outcome.answer.encode()


@pytest.mark.parametrize(
    ("answers", "reason", "uncertain"),
    [
        ({"greeting": "hang"}, Reason.TIMEOUT, False),
        ({"ehlo": "hang"}, Reason.TIMEOUT, False),
        ({"mail": "hang"}, Reason.TIMEOUT, False),
        ({"rcpt": {"desk": "hang"}}, Reason.TIMEOUT, False),
        ({"greeting": "drip"}, Reason.TIMEOUT, False),
        ({"mail": "drip"}, Reason.TIMEOUT, False),
        ({"content": "drip"}, Reason.TIMEOUT, True),
        ({"content": "hang"}, Reason.TIMEOUT, True),
        ({"greeting": "leave"}, Reason.CONNECTION, False),
        ({"mail": "leave"}, Reason.CONNECTION, False),
        ({"rcpt": {"desk": "leave"}}, Reason.CONNECTION, False),
        ({"content": "leave"}, Reason.CONNECTION, True),
    ],
)
async def test_only_a_mail_that_may_have_arrived_is_uncertain(
    inbox: Build, answers: dict[str, Any], reason: Reason, uncertain: bool
) -> None:
    async with wire.listening(server(**answers)) as here:
        outcome = await deliver(inbox(plain(here), timeout="500ms"))
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.uncertain) == (reason, uncertain)


async def test_a_password_that_is_wrong_waits_for_the_right_one(inbox: Build) -> None:
    ehlo = "250-mail.example\n250 AUTH PLAIN"
    async with wire.listening(server(ehlo=ehlo, auth="535 5.7.8 bad")) as here:
        outcome = await deliver(inbox(plain(here, "desk:hush@")))
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.status) == (Reason.CREDENTIALS, 535)
    assert "hush" not in outcome.answer


async def test_a_server_that_is_too_busy_to_sign_in_is_only_busy(inbox: Build) -> None:
    ehlo = "250-mail.example\n250 AUTH PLAIN"
    async with wire.listening(server(ehlo=ehlo, auth="454 later")) as here:
        outcome = await deliver(inbox(plain(here, "desk:hush@")))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.SMTP_DEFERRED


async def test_a_server_without_sign_in_says_so(inbox: Build) -> None:
    async with wire.listening(server()) as here:
        outcome = await deliver(inbox(plain(here, "desk:hush@")))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.CREDENTIALS


async def test_the_password_arrives_as_it_was_meant(inbox: Build) -> None:
    seen: list[bytes] = []

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append(data.login + b" " + data.password)
        return AuthResult(success=True)

    sink = MailInbox()
    options = {"authenticator": check, "auth_require_tls": False}
    async with serve_mail(sink, **options) as url:
        destination = inbox(url.replace("//", "//desk%40agency.example:p%40ss%2Fw%C3%B6rd@"))
        assert isinstance(await deliver(destination), Delivered)
    assert seen == ["desk@agency.example p@ss/wörd".encode()]


async def test_starttls_is_required_and_the_certificate_checked(inbox: Build) -> None:
    sink = MailInbox()
    context = wire.server_tls("localhost")
    async with serve_mail(sink, tls_context=context, require_starttls=True) as url:
        port = url.partition("127.0.0.1:")[2].partition("?")[0]
        good = await deliver(inbox(f"smtp://localhost:{port}"))
        assert isinstance(good, Delivered)
        bare = await deliver(inbox(url))
        assert bare.status == 530
    assert len(sink.got.all) == 1


async def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    inbox: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    (tmp_path / "authority.pem").write_bytes(wire.AUTHORITY.read_bytes())
    async with wire.listening(server(), tls="localhost") as here:
        unknown = await deliver(inbox(f"smtps://localhost:{here.port}"))
        known = await deliver(
            inbox(f"smtps://localhost:{here.port}", folder=tmp_path, ca_file="authority.pem")
        )
    assert isinstance(unknown, Deferred)
    assert unknown.reason is Reason.TLS
    assert isinstance(known, Delivered)


async def test_a_server_without_starttls_gets_nothing(inbox: Build) -> None:
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        outcome = await deliver(inbox(f"smtp://desk:hush@127.0.0.1:{here.port}"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TLS
    assert "STARTTLS" in outcome.answer
    assert not [line for line in log if line.startswith(("AUTH", "MAIL"))]


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_another_names_certificate_is_not_accepted(inbox: Build, way: str) -> None:
    if way == "implicit":
        async with wire.listening(server(), tls="elsewhere") as here:
            outcome = await deliver(inbox(f"smtps://localhost:{here.port}"))
    else:
        context = wire.server_tls("elsewhere")
        async with serve_mail(MailInbox(), tls_context=context) as url:
            port = url.partition("127.0.0.1:")[2].partition("?")[0]
            outcome = await deliver(inbox(f"smtp://localhost:{port}"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TLS
    assert "certificate is not accepted" in outcome.answer


async def test_implicit_tls_delivers(inbox: Build) -> None:
    async with wire.listening(server(), tls="localhost") as here:
        destination = inbox(f"smtps://localhost:{here.port}")
        assert isinstance(await deliver(destination), Delivered)
        assert await destination.verify() == f"localhost:{here.port} takes mail (TLS)"


async def test_tls_to_a_port_without_it_is_named(inbox: Build) -> None:
    async with wire.listening(server()) as here:
        outcome = await deliver(inbox(f"smtps://127.0.0.1:{here.port}", timeout="2s"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.TLS


async def test_nothing_goes_unencrypted_over_the_internet(
    inbox: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        monkeypatch.setattr("gateway.destinations.smtp._is_on_the_internet", lambda address: True)
        outcome = await deliver(inbox(plain(here, "desk:hush@")))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.CONFIGURATION
    assert "starttls=never" in outcome.answer
    assert log == []


async def test_a_name_without_an_address_is_a_matter_of_dns(inbox: Build) -> None:
    outcome = await deliver(inbox("smtp://mail.invalid"))
    assert isinstance(outcome, Deferred)
    assert outcome.reason is Reason.DNS


async def test_verify_signs_in_and_hands_nothing_in(inbox: Build) -> None:
    log: list[str] = []
    ehlo = "250-mail.example\n250 AUTH PLAIN"
    async with wire.listening(server(ehlo=ehlo, log=log)) as here:
        said = await inbox(plain(here, "desk:hush@")).verify()
    assert said.endswith("takes mail (unencrypted)")
    assert log[1] == "AUTH PLAIN " + base64.b64encode(b"\0desk\0hush").decode()
    assert not [line for line in log if line.startswith("MAIL")]


async def test_verify_says_what_to_change(inbox: Build) -> None:
    ehlo = "250-mail.example\n250 AUTH PLAIN"
    async with wire.listening(server(ehlo=ehlo, auth="535 no")) as here:
        with pytest.raises(VerifyError, match=r"535 no \(credentials\)") as caught:
            await inbox(plain(here, "desk:hush@")).verify()
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mx.agency.example", "EHLO mx.agency.example"),
        ("laptop", "EHLO [127.0.0.1]"),
        ("laptop.local", "EHLO [127.0.0.1]"),
    ],
)
async def test_the_server_is_told_a_name_that_needs_no_asking(
    inbox: Build, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    def never(*given: object) -> str:
        raise AssertionError("a name server was asked")

    monkeypatch.setattr("socket.gethostname", lambda: name)
    monkeypatch.setattr("socket.getfqdn", never)
    log: list[str] = []
    async with wire.listening(server(log=log)) as here:
        assert isinstance(await deliver(inbox(plain(here))), Delivered)
    assert log[0] == said


async def test_the_size_is_told_before_the_mail(inbox: Build) -> None:
    log: list[str] = []
    async with wire.listening(server(ehlo="250-mail.example\n250 SIZE 1000", log=log)) as here:
        assert isinstance(await deliver(inbox(plain(here))), Delivered)
    assert any(line.startswith("MAIL FROM:<leads@agency.example> SIZE=") for line in log)
