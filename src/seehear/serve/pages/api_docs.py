"""`/docs`: the endpoints of the server, to read and to try, in Swagger UI, which comes with this package."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from seehear.serve.pages.static_files import read_static_files

router = APIRouter(include_in_schema=False)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API – seehear</title>
<link rel="stylesheet" href="{style}">
</head>
<body>
<div id="api-docs"></div>
<script src="{library}"></script>
<script src="{start}"></script>
</body>
</html>
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)  # as everywhere, but for the pictures in the style sheet


@router.get("/docs")
async def api_docs() -> Response:
    address = read_static_files().address
    page = PAGE.format(
        style=address("vendor/swagger-ui.css"),
        library=address("vendor/swagger-ui-bundle.js"),
        start=address("api_docs.js"),
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
