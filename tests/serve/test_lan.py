"""Serving the house: a certificate and a token that last, and people who say their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from starlette.testclient import TestClient

from seehear.serve import sign_in
from seehear.serve.access import SESSION_COOKIE, AccessPolicy, Caller
from seehear.serve.lan import own_names, prepare_lan
from seehear.serve.settings import ServeSettings
from serving import client

TOKEN = "a-token-of-some-length"
NAMES = ("192.168.1.20", "workshop", "workshop.local")


def test_the_identity_lasts_until_a_name_is_added(tmp_path: Path) -> None:
    first = prepare_lan(tmp_path / "server", NAMES)
    assert prepare_lan(tmp_path / "server", NAMES) == first
    assert (tmp_path / "server").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "server").iterdir()} == {0o600}
    moved = prepare_lan(tmp_path / "server", ("10.0.0.7", *NAMES))
    assert moved.token == first.token
    assert moved.fingerprint != first.fingerprint
    certificate = x509.load_pem_x509_certificate(moved.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["workshop", "workshop.local", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7", "192.168.1.20"]
    moved.certificate.write_bytes(b"damaged")
    assert prepare_lan(tmp_path / "server", NAMES).fingerprint != moved.fingerprint


def test_this_machine_has_a_name() -> None:
    assert own_names()


def test_signing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "WRONG_TOKEN_S", 0.0)
    with client(token=TOKEN) as served:
        sent_there = served.get("/", headers={"accept": "text/html"}, follow_redirects=False)
        assert (sent_there.status_code, sent_there.headers["location"]) == (303, "/sign-in")
        assert "Sign in" in served.get("/sign-in").text
        wrong = served.post("/sign-in", data={"name": "<b>Eve", "token": "x"})
        assert wrong.status_code == 403
        assert "This is not the token." in wrong.text
        assert "&lt;b&gt;Eve" in wrong.text
        assert served.post("/sign-in", data={"name": " ", "token": TOKEN}).status_code == 400
        foreign = {"origin": "http://evil.example"}
        assert served.post("/sign-in", data={"name": "Eve", "token": TOKEN}, headers=foreign).status_code == 403
        done = served.post("/sign-in", data={"name": "Zoë  Müller", "token": TOKEN}, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert "HttpOnly" in done.headers["set-cookie"]
        assert SESSION_COOKIE in served.cookies
        assert served.get("/health/ready").status_code == 200
        policy = AccessPolicy(ServeSettings(token=TOKEN))
        caller = policy.check("http", "GET", "/", [(b"host", b"127.0.0.1"), (b"cookie", _cookie(served))])
        assert caller == Caller("Zoë Müller")


def _cookie(served: TestClient) -> bytes:
    return f"{SESSION_COOKIE}={served.cookies[SESSION_COOKIE]}".encode()
