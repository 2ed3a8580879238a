"""Admin tokens: written in several ways, compared without a hint, changed without a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings, SettingsError
from gateway.tokens import AdminToken, AdminTokens, parse_tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a-token", [("admin", "a-token")]),
        ("anne:one", [("anne", "one")]),
        ("anne:one, bob:two", [("anne", "one"), ("bob", "two")]),
        ("plain,bob:two", [("admin", "plain"), ("bob", "two")]),
        ("# who may enter\nanne:one\n\nbob:two\n", [("anne", "one"), ("bob", "two")]),
        ("not a name:x", [("admin", "not a name:x")]),
        ("anne:with:colons", [("anne", "with:colons")]),
    ],
)
def test_tokens_are_written_with_names_or_one_without(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert [(token.name, token.value) for token in parse_tokens(text)] == found


@pytest.mark.parametrize("text", ["anne:", "anne:one,anne:two", "one-secret,two-secret"])
def test_what_can_not_be_meant_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"name:token|anne:TOKEN") as caught:
        parse_tokens(text)
    for secret in ("one-secret", "two-secret"):
        assert secret not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_tokens_or_a_clear_no(text: str) -> None:
    try:
        found = parse_tokens(text)
    except ValueError:
        return
    names = [token.name for token in found]
    assert len(names) == len(set(names))
    assert all(token.value for token in found)


def test_a_token_never_shows() -> None:
    assert "a-secret" not in repr(AdminToken("anne", "a-secret"))


def test_each_token_opens_under_its_name_and_no_other_does() -> None:
    tokens = AdminTokens(parse_tokens("anne:one,bob:two"))
    assert [tokens.whose(given) for given in ("one", "two", "three", "", "anne:one")] == [
        "anne", "bob", None, None, None,
    ]  # fmt: skip


def test_a_changed_file_is_read_without_a_restart(tmp_path: Path) -> None:
    now, file = [0.0], tmp_path / "admin-token"
    tokens = AdminTokens(parse_tokens("env-token"), file, clock=lambda: now[0])
    assert tokens.whose("anne-token") is None
    file.write_text("anne:anne-token\n")
    assert tokens.whose("anne-token") is None  # not looked at twice within a second
    now[0] += 1
    assert (tokens.whose("anne-token"), tokens.whose("env-token")) == ("anne", "admin")
    file.write_text("anne:another-token\n")
    now[0] += 1
    assert (tokens.whose("anne-token"), tokens.whose("another-token")) == (None, "anne")
    file.unlink()
    now[0] += 1
    assert tokens.whose("another-token") is None


def test_a_file_gone_wrong_changes_nothing(tmp_path: Path) -> None:
    now, file = [0.0], tmp_path / "admin-token"
    file.write_text("anne:anne-token\n")
    tokens = AdminTokens((), file, clock=lambda: now[0])
    assert tokens.whose("anne-token") == "anne"
    file.write_text("anne:one\nanne:two\n")
    now[0] += 1
    assert tokens.whose("anne-token") == "anne"


def test_the_token_made_by_the_program_counts_while_there_is_no_other(tmp_path: Path) -> None:
    alone = Settings.read({"LEAD_GATEWAY_DATA_DIR": str(tmp_path)}, config=tmp_path / "none.yaml")
    made = alone.token()
    assert alone.tokens().whose(made) == "admin"
    assert alone.token_file.stat().st_mode & 0o077 == 0
    assert not alone.has_own_token()
    chosen = Settings.read(
        {"LEAD_GATEWAY_DATA_DIR": str(tmp_path), "LEAD_GATEWAY_ADMIN_TOKEN": "my-own"},
        config=tmp_path / "none.yaml",
    )
    assert chosen.has_own_token()
    assert (chosen.tokens().whose("my-own"), chosen.tokens().whose(made)) == ("admin", None)


def test_a_named_token_in_the_file_is_one_of_your_own(tmp_path: Path) -> None:
    settings = Settings.read({"LEAD_GATEWAY_DATA_DIR": str(tmp_path)}, config=tmp_path / "n.yaml")
    settings.token_file.write_text("anne:anne-token\n")
    assert settings.has_own_token()
    assert settings.token() == "anne-token"


def test_wrong_tokens_in_the_environment_are_said_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LEAD_GATEWAY_ADMIN_TOKEN: anne stands there twice"):
        Settings.read({"LEAD_GATEWAY_ADMIN_TOKEN": "anne:a,anne:b"}, config=tmp_path / "n.yaml")


def test_a_short_token_and_missing_keys_are_worth_a_word(tmp_path: Path) -> None:
    settings = Settings.read({"LEAD_GATEWAY_ADMIN_TOKEN": "tiny-one"}, config=tmp_path / "n.yaml")
    said = settings.warnings()
    assert len(said) == 2
    assert "tiny-one" not in " ".join(said)
