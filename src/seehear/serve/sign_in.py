"""`/sign-in`: a person enters the token and a name once; a cookie remembers both."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse, RedirectResponse, Response

from seehear.serve.access import SESSION_COOKIE, SIGN_IN, AccessPolicy

router = APIRouter(include_in_schema=False)
REMEMBER_S = 90 * 24 * 3600
WRONG_TOKEN_S = 1.0  # that a wrong token costs
LONGEST_NAME = 80

_page = Environment(loader=PackageLoader("seehear.serve", ""), autoescape=True).get_template("sign_in.html")


@router.get(SIGN_IN)
async def ask(request: Request) -> Response:
    return _render(request)


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    access: AccessPolicy = request.app.state.access
    async with request.form(max_files=0, max_fields=2, max_part_size=1000) as form:
        name = " ".join(str(form.get("name", "")).split())[:LONGEST_NAME]
        token = str(form.get("token", "")).strip()
    if not name.isprintable() or not name:
        return _render(request, "Please type your name.", status=400)
    if not access.is_token(token):
        await asyncio.sleep(WRONG_TOKEN_S)
        return _render(request, "This is not the token.", name, status=403)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        SESSION_COOKIE, access.make_session(name), REMEMBER_S, httponly=True, secure=secure, samesite="lax"
    )
    return answer


def _render(request: Request, problem: str = "", name: str = "", status: int = 200) -> Response:
    return HTMLResponse(_page.render(nonce=request.state.csp_nonce, problem=problem, name=name), status)
