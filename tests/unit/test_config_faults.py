"""Wrong configurations: each names its file and line, and says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError, check, load

GOOD = """\
version: 1
sources:
  website: {kind: push, token: a-token-of-mine}
destinations:
  crm:
    kind: webhook
    url: https://crm.example.com/leads
"""

Wrong = tuple[str, int, str]

IN_THE_MODEL: dict[str, Wrong] = {
    "a misspelt key": (
        GOOD + "    timeuot: 5s\n",
        8,
        'destinations.crm.timeuot: unknown key; did you mean "timeout"?',
    ),
    "a key from nowhere": (
        GOOD + "    retry: {tries: 5}\n",
        8,
        "destinations.crm.retry.tries: unknown key; the keys here are jitter, schedule",
    ),
    "a misspelt key at the top": (
        GOOD + "languag: fr\n",
        8,
        'languag: unknown key; did you mean "language"?',
    ),
    "a key that is called otherwise inside": (
        GOOD
        + "  m: {kind: email, smtp: 'smtp://mail.example.com', sender: a@b.example, to: [c]}\n",
        8,
        'destinations.m.from: is missing: write from: "Leads <leads@agency.example>"',
    ),
    "a missing key": (
        GOOD.replace("    url: https://crm.example.com/leads\n", ""),
        5,
        "destinations.crm.url: is missing: write url: https://crm.example.com/leads",
    ),
    "no version": (GOOD.replace("version: 1\n", ""), 1, "version: is missing: write version: 1"),
    "another version": (GOOD.replace("version: 1", "version: 2"), 1, "version: write 1"),
    "no kind": (
        GOOD.replace("    kind: webhook\n", ""),
        5,
        "destinations.crm.kind: is missing: write one of webhook, email, slack",
    ),
    "an unknown kind": (
        GOOD.replace("webhook", "webhok"),
        6,
        'destinations.crm.kind: unknown kind; did you mean "webhook"?',
    ),
    "a duration without its unit": (
        GOOD + "    timeout: 15\n",
        8,
        "destinations.crm.timeout: write a duration with its unit, for example 5s, 15m",
    ),
    "a duration that is too long": (
        GOOD + "    timeout: 1h\n",
        8,
        "destinations.crm.timeout: must be at most 5m",
    ),
    "one wrong duration of many": (
        GOOD + "    retry:\n      schedule:\n        - 5s\n        - 5 parsecs\n",
        11,
        "destinations.crm.retry.schedule[2]: write a duration with its unit",
    ),
    "a rate without its time": (
        GOOD + "    rate_limit: 10\n",
        8,
        "destinations.crm.rate_limit: write a rate as a count per time, for example 10/s",
    ),
    "text for a number": (
        GOOD + "    concurrency: many\n",
        8,
        "destinations.crm.concurrency: write a whole number",
    ),
    "a number for text": (
        GOOD.replace("a-token-of-mine", "12345678"),
        3,
        "sources.website.token: write text here; a number or true and false go in quotes",
    ),
    "one thing for a list": (
        GOOD + "routes:\n  - to: crm\n",
        9,
        "routes[1].to: write a list, as in [one, two]",
    ),
    "nothing for a map": (
        "version: 1\nsources:\n",
        2,
        "sources: has nothing after it: write its value, or remove the key",
    ),
    "a name with a blank": (
        GOOD.replace("crm:", "Mon CRM:"),
        5,
        "destinations.Mon CRM: use 1 to 40 lower-case letters, digits, - and _ in a name",
    ),
    "an address of another scheme": (
        GOOD.replace("https:", "ftp:"),
        7,
        "destinations.crm.url: begin it with https:// or http://",
    ),
    "a choice that is none": (GOOD + "language: de\n", 8, "language: write 'fr' or 'en'"),
    "a zone that is none": (
        GOOD + "timezone: Europe/Pari\n",
        8,
        'timezone: unknown time zone; did you mean "Europe/Paris"?',
    ),
    "an address for a range": (
        GOOD + "network: {allow: [10.0.0.1/8]}\n",
        8,
        "network.allow[1]: an address inside the range: for the whole range write 10.0.0.0/8",
    ),
    "two ways to sign in": (
        GOOD + "    auth: {bearer: abcdef, basic: {username: a, password: b}}\n",
        8,
        "destinations.crm.auth: name exactly one of bearer, basic, api_key, oauth2",
    ),
    "alerts for nobody": (
        GOOD + "alerts: {}\n",
        8,
        "alerts: to: name at least one destination, or give a heartbeat_url",
    ),
    "a kind of a later version": (
        GOOD.replace("kind: push, token: a-token-of-mine", "kind: aviv"),
        3,
        "sources.website.kind: not available yet in this version: remove it",
    ),
    "a variable that is not set": (
        GOOD.replace("https://crm.example.com/leads", "${CRM_URL}"),
        7,
        "destinations.crm.url: the variable CRM_URL is not set: set it, or write it into .env",
    ),
    "a variable that is set to nothing": (
        GOOD.replace("https://crm.example.com/leads", "${NOTHING}"),
        7,
        "destinations.crm.url: the variable NOTHING is empty: set it, or write it into .env",
    ),
    "a variable with a blank in its name": (
        GOOD + "    headers: {X-Agency: '${AGENCY ID}'}\n",
        8,
        "destinations.crm.headers.X-Agency: write a variable as ${NAME} or ${NAME:-default}",
    ),
}

IN_YAML: dict[str, Wrong] = {
    "a key that stands twice": (
        GOOD + "    url: https://other.example/\n",
        8,
        "destinations.crm.url: stands twice, first on line 7: keep one",
    ),
    "a tab": (GOOD + "\ttimeout: 5s\n", 8, "indent with spaces: YAML does not take a tab"),
    "an indentation that fits nothing": (
        GOOD + "   timeout: 5s\n",
        8,
        "this does not fit the lines above: check the indentation and quotes",
    ),
    "a key with too little before it": (
        GOOD.replace("    kind: webhook", "  kind: webhook"),
        7,
        "a colon here begins a new key: check the indentation, or put the text in quotes",
    ),
    "an open quote": (GOOD + 'language: "fr\n', 9, "a quote is not closed"),
    "an open bracket": (GOOD + "routes: [{to: [crm]\n", 9, "a bracket or a quote is not closed"),
    "a template without quotes": (
        GOOD + "    headers: {X-Id: {{ lead.id }}}\n",
        8,
        'destinations.crm.headers.X-Id: put a template in quotes: "{{ … }}"',
    ),
    "a variable without quotes between braces": (
        GOOD.replace("a-token-of-mine", "${TOKEN}"),
        3,
        'put a variable in quotes between braces, as in {bearer: "${CRM_TOKEN}"}',
    ),
    "a tag": (
        GOOD + "timezone: !!python/name:os.system\n",
        8,
        "timezone: remove the tag that begins with !, or put the text in quotes",
    ),
    "an alias of nothing": (GOOD + "routes: *rules\n", 8, "an alias (*) needs its anchor (&)"),
    "an alias of itself": (GOOD + "routes: &a [*a]\n", 8, "the file holds more than 40 levels"),
    "two documents": (
        GOOD + "---\nversion: 1\n",
        8,
        "write one document: remove the line of three dashes",
    ),
    "a list": ("- version: 1\n", 1, "begin with version: 1, then sources: and destinations:"),
}

IN_THE_WHOLE: dict[str, Wrong] = {
    "no sources": ("version: 1\n", 1, "sources: name at least one source, for example"),
    "no destinations": (
        "version: 1\ndestinations: {}\n",
        2,
        "destinations: name at least one, for example crm: {kind: webhook, url: …}",
    ),
    "a route to nowhere": (
        GOOD + "routes:\n  - to: [crm]\n  - to:\n    - crn\n",
        11,
        'routes[2].to[1]: no destination has this name; did you mean "crm"?',
    ),
    "a condition on a field that does not exist": (
        GOOD + "routes:\n  - {to: [crm], when: lead.catgory == 'AGENCY'}\n",
        9,
        'routes[1].when: "lead.catgory" does not exist; did you mean "lead.category"?',
    ),
    "a condition on something else": (
        GOOD + "routes:\n  - {to: [crm], when: contact.email}\n",
        9,
        'routes[1].when: "contact" does not exist: use agent or lead',
    ),
    "a condition that assigns": (
        GOOD + "routes:\n  - {to: [crm], when: lead.category = 'AGENCY'}\n",
        9,
        "not an expression: it goes on after its end; to compare, write == or !=",
    ),
    "a field that does not exist in a header": (
        GOOD + "    headers:\n      X-Mail: '{{ contact.emial }}'\n",
        9,
        'destinations.crm.headers.X-Mail: "contact.emial" does not exist; did you mean "contact.em',
    ),
    "an unknown name in a body": (
        GOOD + "    body: {who: {name: '{{ contcat.full_name }}'}}\n",
        8,
        'destinations.crm.body.who.name: "contcat" does not exist; did you mean "contact"?',
    ),
    "an unknown filter in an address": (
        GOOD.replace("/leads", "/leads/{{ lead.id|uper }}"),
        7,
        "destinations.crm.url: the template does not compile: No filter named 'uper'",
    ),
    "a template that does not compile": (
        GOOD + "    headers: {X-Id: '{{ lead.id '}\n",
        8,
        "destinations.crm.headers.X-Id: the template does not compile",
    ),
    "a template file that is not there": (
        GOOD + "    body: templates/crm.json.j2\n",
        8,
        'destinations.crm.body: templates/crm.json.j2: there is no template "crm.json.j2"',
    ),
    "a mail template that is not there": (
        GOOD + "  m: {kind: email, smtp: 'smtp://h.example', from: a@b.example, to: [c], "
        "template: welcome}\n",
        8,
        "destinations.m.template: email/welcome/subject.txt: there is no template",
    ),
    "a folder of templates that is not there": (
        GOOD + "template_dir: mine\n",
        8,
        "template_dir: there is no such folder beside this file",
    ),
    "a link on a field that does not exist": (
        GOOD + "links: {classified: 'https://portal.example/{{ property.clasified_id }}'}\n",
        8,
        'links.classified: "property.clasified_id" does not exist; did you mean',
    ),
}


def faults(folder: Path, text: str) -> list[str]:
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        found = [fault for fault in check(load(file, {"NOTHING": ""})) if not fault.warning]
    except ConfigError as error:
        return str(error).splitlines()
    return [str(fault) for fault in found]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(*wrong, id=name)
        for group in (IN_THE_MODEL, IN_YAML, IN_THE_WHOLE)
        for name, wrong in group.items()
    ],
)
def test_a_wrong_configuration_says_where_and_what_to_write(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    found = faults(tmp_path, text)

    assert any(f"{tmp_path}/gateway.yaml:{line}: " in item and said in item for item in found), (
        found
    )


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = faults(
        tmp_path, GOOD + "    timeuot: 5s\n    concurrency: 0\nalerts: {}\ntimezone: x\n"
    )

    assert [item.split(":")[1] for item in found] == ["8", "9", "10", "11"]


def test_what_a_missing_variable_leads_to_is_not_told_twice(tmp_path: Path) -> None:
    assert len(faults(tmp_path, GOOD.replace("https://crm.example.com/leads", "${CRM_URL}"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("https://crm.example.com/leads", "s3cret-value"),
        GOOD + "    auth: {api_key: {value: s3cret-value}}\n",
        GOOD + "    auth: s3cret-value\n",
        GOOD + "    sign: {standard_webhooks: {s3cret: s3cret-value}}\n",
        GOOD
        + "    timeout: s3cret-value\n    rate_limit: s3cret-value\n    method: s3cret-value\n",
        GOOD + "  m: {kind: email, smtp: 'http://u:s3cret-value@h', from: s3cret-value, to: []}\n",
        GOOD + "  s: {kind: slack, webhook_url: s3cret-value}\n",
        GOOD + "timezone: s3cret-value\nnetwork: {allow: [s3cret-value]}\n",
        GOOD.replace("kind: webhook", "kind: s3cret-value"),
        GOOD + "    headers: {Authorization: s3cret-value, authorization: s3cret-value}\n",
        GOOD + "x: 's3cret-value\n",
        GOOD + "x: [s3cret-value\n",
        GOOD + "  s3cret-value\n",
    ],
)
def test_no_fault_repeats_a_value_that_may_be_a_secret(tmp_path: Path, text: str) -> None:
    found = faults(tmp_path, text)

    assert found
    assert "s3cret-value" not in "\n".join(found)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "gateway.yaml: is empty: `lead-gateway init` writes a file to begin with"),
        (b"version: 1\nlanguage: \xff\n", "gateway.yaml:2: is not UTF-8 text: save it as UTF-8"),
        (b"version: \x00\n", "gateway.yaml: is not YAML: it has a character that YAML does not"),
        (b"[" * 100_000, "gateway.yaml: nests deeper than 40 levels"),
        (b"#" * 1_000_001, "gateway.yaml: is larger than 1 MB"),
    ],
    ids=["empty", "not UTF-8", "a control character", "brackets without end", "too large"],
)
def test_a_file_that_can_not_be_read_says_why(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "gateway.yaml").write_bytes(raw)

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "gateway.yaml", {})

    assert said in str(caught.value)


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file: `lead-gateway init` writes one"):
        load(tmp_path / "gateway.yaml", {})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can not be read: is a directory"):
        load(tmp_path, {})


def test_a_few_aliases_can_not_stand_for_billions_of_values(tmp_path: Path) -> None:
    text = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

    assert "the file holds more than 50000 values" in faults(tmp_path, "version: 1\n" + text)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("crm.example.com", "127.0.0.1:8000"),
            "destinations.crm.url: a private or loopback address",
        ),
        (GOOD.replace("crm.example.com", "[::1]"), "destinations.crm.url: a private or loopback"),
        (GOOD.replace("crm.example.com", "localhost"), "destinations.crm.url: a private or loopb"),
        (GOOD + "routes: [{to: [crm], stop: true}, {to: [crm]}]\n", "routes[2]: no lead gets here"),
        (
            GOOD + "  other: {kind: webhook, url: 'https://b.example'}\nroutes: [{to: [crm]}]\n",
            "destinations.other: no rule of routes sends anything here",
        ),
    ],
)
def test_what_may_be_meant_is_only_warned_of(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")

    (fault,) = check(load(file, {}))

    assert fault.warning
    assert f": warning: {said}" in str(fault)


@pytest.mark.parametrize("host", ["10.1.2.3", "server1", "crm.internal"])
def test_an_allowed_address_and_a_name_are_no_reason_to_warn(tmp_path: Path, host: str) -> None:
    file = tmp_path / "gateway.yaml"
    text = GOOD.replace("crm.example.com", host) + "network: {allow: [10.0.0.0/8]}\n"
    file.write_text(text, encoding="utf-8")

    assert check(load(file, {})) == []


def test_a_method_of_a_value_is_no_unknown_name(tmp_path: Path) -> None:
    when = "when: lead.contact.email.endswith('.org') and lead.original.anything.at.all"

    assert faults(tmp_path, GOOD + f"routes:\n  - to: [crm]\n    {when}\n") == []


@pytest.mark.parametrize("where", ["then: [{after: 5m, to: [hubspot]}]", "on_claim: [hubspot]"])
def test_a_preset_that_would_create_a_lead_twice_is_refused(tmp_path: Path, where: str) -> None:
    hubspot = "  hubspot: {kind: webhook, preset: hubspot-contact, with: {token: abc}}\n"
    hook = "  hubspot: {kind: webhook, preset: generic, with: {url: 'https://hooks.example/1'}}\n"
    claim = f"claim: {{{where}}}\n"

    (said,) = faults(tmp_path, GOOD + hubspot + claim)

    assert "the preset hubspot-contact would create the lead a second time; write another" in said
    assert faults(tmp_path, GOOD + hook + claim) == []
