"""The page of the addresses comes from this package, under a strict policy."""

from __future__ import annotations

import re

from serving import client


def test_the_page_and_all_that_it_loads_are_served_from_here() -> None:
    with client() as served:
        page = served.get("/docs")
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in page.headers["content-security-policy"]
        assert "<script>" not in page.text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 3
        for address in loaded:
            assert address.startswith("/static/")
            assert served.get(address).status_code == 200
        described = served.get("/openapi.json").json()
        assert {"/predict", "/v1/audio/transcriptions", "/v2/models/{name}/infer"} <= set(described["paths"])
        assert "binary" in str(described["paths"]["/predict"]["post"]["requestBody"])
