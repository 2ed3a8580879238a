"""Signatures, checked with the library that receivers use."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from gateway.signing import secret_bytes, signature_headers

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of enough bytes").decode()
BODY = '{"type":"lead.created","data":{"message":"Où visiter ?"}}'.encode()


def signed(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    keys = [secret_bytes(secret) for secret in secrets]
    return signature_headers(keys, "dlv_1", int(time.time()), body)


def test_a_receiver_verifies_the_signature() -> None:
    Webhook(SECRET).verify(BODY, signed(SECRET))


def test_a_changed_body_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"visiter", b"acheter"), signed(SECRET))


def test_a_changed_id_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, {**signed(SECRET), "webhook-id": "dlv_2"})


def test_while_secrets_rotate_both_verify() -> None:
    headers = signed(OTHER, SECRET)
    assert len(headers["webhook-signature"].split()) == 2
    Webhook(SECRET).verify(BODY, headers)
    Webhook(OTHER).verify(BODY, headers)


@given(st.binary(min_size=1, max_size=64))
def test_any_key_verifies_padded_and_unpadded(key: bytes) -> None:
    coded = "whsec_" + base64.b64encode(key).decode()
    assert secret_bytes(coded) == secret_bytes(coded.rstrip("=")) == key
    Webhook(key).verify(BODY, signed(coded))


def test_a_secret_without_the_prefix_is_taken_as_it_is() -> None:
    Webhook(b"shared words").verify(BODY, signed("shared words"))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_A"])
def test_a_secret_that_can_not_sign_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"base64|empty") as caught:
        secret_bytes(secret)
    assert "not base64!" not in str(caught.value)
