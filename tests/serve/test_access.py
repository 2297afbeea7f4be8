"""Who may ask: no page of another site, no rebound name and nobody without the token changes or learns anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from seehear.errors import UsageError
from seehear.serve.access import SESSION_COOKIE, AccessPolicy, Caller, Refusal
from seehear.serve.settings import ServeSettings
from serving import client, picture_file

TOKEN = "a-token-of-some-length"
OWN = "127.0.0.1:8765"
PAGE = {"accept": "text/html"}


def check(host: str = OWN, method: str = "POST", path: str = "/predict", given_to: Any = None, **headers: str) -> Any:
    policy = given_to or AccessPolicy(ServeSettings())
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    return policy.check("http", method, path, [(k.encode(), v.encode("latin-1")) for k, v in named.items()])


@pytest.mark.parametrize("host", [OWN, "localhost:8765", "LOCALHOST", "[::1]:8765", "127.0.0.1", "localhost.:9000"])
def test_this_machine_under_its_names(host: str) -> None:
    assert check(host) == Caller()


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5", "0.0.0.0", "", "127.0.0.1:x",
     "[::1", "localhost:80:80", "a@127.0.0.1", "127.1", "2130706433", "[::1]x", "localhost\x00"],
)  # fmt: skip
def test_a_rebound_name_is_refused(host: str) -> None:
    assert check(host).status == 421


def test_two_host_headers_are_refused() -> None:
    twice = [(b"host", OWN.encode()), (b"host", b"evil.example")]
    assert AccessPolicy(ServeSettings()).check("http", "GET", "/", twice).status == 421  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", f"https://{OWN}",
               f"http://{OWN}/", f"http://{OWN} http://{OWN}"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "WEBSOCKET", "OPTIONS"])
def test_another_origin_is_refused(origin: str, method: str) -> None:
    assert check(method=method, origin=origin).status == 403


@pytest.mark.parametrize(
    ("method", "fetch", "allowed"),
    [
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, True),
        ("POST", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, False),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, False),
        ("GET", {"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}, False),
        ("GET", {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, True),
        ("POST", {"sec_fetch_site": "same-origin", "origin": f"http://{OWN}"}, True),
    ],
)
def test_a_link_may_lead_here_but_nothing_else(method: str, fetch: dict[str, str], allowed: bool) -> None:
    assert isinstance(check(method=method, **fetch), Caller) == allowed


def test_the_token_or_a_session_made_with_it() -> None:
    policy = AccessPolicy(ServeSettings(token=TOKEN))
    assert check(given_to=policy).status == 401
    assert check(given_to=policy, authorization=f"Bearer {TOKEN}") == Caller()
    assert check(given_to=policy, authorization=f"bearer {TOKEN}x").status == 401
    assert check(given_to=policy, authorization=f"Basic {TOKEN}").status == 401
    session = policy.make_session("Zoë")
    assert check(given_to=policy, cookie=f"a=b; {SESSION_COOKIE}={session}") == Caller("Zoë")
    other = AccessPolicy(ServeSettings(token=TOKEN + "x"))
    assert check(given_to=other, cookie=f"{SESSION_COOKIE}={session}").status == 401
    forged = session.replace(session.partition(".")[0], policy.make_session("Eve").partition(".")[0])
    assert check(given_to=policy, cookie=f"{SESSION_COOKIE}={forged}").status == 401
    assert check(given_to=policy, path="/health/live") == Caller()
    assert check(given_to=policy, path="/health/live", host="evil.example").status == 421


def test_other_hosts_need_a_token_and_know_their_names() -> None:
    with pytest.raises(UsageError, match=r"without a token, everybody who reaches 0\.0\.0\.0 could use this server"):
        ServeSettings(host="0.0.0.0")
    with pytest.raises(UsageError, match="a token of 5 characters"):
        ServeSettings(host="0.0.0.0", token="short")
    policy = AccessPolicy(ServeSettings(host="0.0.0.0", token=TOKEN, allowed_hosts=("workshop.local",)))
    shown = {"authorization": f"Bearer {TOKEN}"}
    assert check("workshop.local:8765", given_to=policy, **shown) == Caller()
    assert check("192.168.1.5:8765", given_to=policy, **shown) == Caller()
    assert check("evil.example", given_to=policy, **shown).status == 421


LOCKED = AccessPolicy(ServeSettings(token=TOKEN))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET", "QUERY")
HOSTILE = {
    "host": st.sampled_from(["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "10.0.0.1", "0.0.0.0", ""]),
    "origin": st.sampled_from(["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost", "*", ""]),
    "token": st.sampled_from([None, "", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()]),
}
OTHERS = st.dictionaries(
    st.sampled_from(["x-forwarded-host", "x-forwarded-proto", "forwarded", "x-http-method-override", "referer",
                     "accept", "content-type", "sec-fetch-site", "x-original-url", "upgrade"]),
    st.sampled_from([OWN, "http", f"http://{OWN}/", "GET", "text/html", "same-origin", "websocket", "/health/live"]),
    max_size=4,
)  # fmt: skip


@given(st.sampled_from(sorted(HOSTILE)), st.data(), st.sampled_from(METHODS), st.text(max_size=12), OTHERS)
@settings(max_examples=60)
def test_no_combination_lets_an_unauthorised_request_in(
    wrong: str, data: st.DataObject, method: str, path: str, others: dict[str, str]
) -> None:
    heads: dict[str, str | None] = {"host": OWN, "authorization": f"Bearer {TOKEN}", **others}
    bad = data.draw(HOSTILE[wrong])
    if wrong == "token":
        heads["authorization"] = None if bad is None else f"Bearer {bad}"
    else:
        heads[wrong] = bad
    headers = [(k.encode(), v.encode("latin-1")) for k, v in heads.items() if v is not None]
    assert isinstance(LOCKED.check("http", method, f"/{path}", headers), Refusal)


@pytest.fixture(scope="module")
def locked() -> Iterator[TestClient]:
    with client(token=TOKEN) as served:
        yield served


def test_an_unauthorised_request_is_refused_before_anything_is_read(locked: TestClient) -> None:
    files = {"file": picture_file()}
    refused = locked.post("/predict", files=files)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert locked.post("/predict", files=files, headers={"host": "evil.example"}).status_code == 421
    assert "answers_total{" not in locked.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    shown = locked.post("/predict", files=files, headers={"authorization": f"Bearer {TOKEN}"})
    assert shown.status_code == 200


def test_every_answer_has_the_headers_for_browsers(locked: TestClient) -> None:
    for path in ("/health/live", "/nothing", "/predict"):
        headers = locked.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
    policies = {locked.get("/health/live").headers["content-security-policy"] for _ in range(2)}
    assert len(policies) == 2, "a new nonce for each answer"


def test_bodies_are_limited() -> None:
    with client(max_upload_bytes=1000) as served:
        declared = served.post("/predict", files={"file": b"x" * 2000})
        assert declared.status_code == 413
        assert "larger than 1,000 bytes; --max-upload" in declared.json()["error"]
        streamed = served.post("/predict", content=iter([b"x" * 600, b"x" * 600]))
        assert streamed.status_code == 413
