"""Who may see and change what, as every request is asked before any page is."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pairsift.errors import ConfigError

COOKIE = "pairsift_review"
LOGIN = "/login"
OPEN = (LOGIN, "/static/")
"""What is answered without a token."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANYWHERE = frozenset({"0.0.0.0", "::"})
"""Addresses that are no name to be called by."""
FEWEST_CHARACTERS = 16

HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Access:
    """By which names the server may be called, whether it changes anything, and for whom.

    With a `token` everybody must give it, with a name; without one all is done in the name of `reviewer`.
    """

    hosts: frozenset[str]
    write: bool
    reviewer: str
    token: str | None = None

    def session(self, name: str) -> str:
        """Make the cookie of someone who knows the token: a name, and the proof."""
        return f"{quote(name, safe='')}.{self._proof(name)}"

    def who(self, cookie: str | None) -> str | None:
        """Tell whose cookie it is; None if nobody's."""
        if self.token is None:
            return self.reviewer
        name, _, proof = (cookie or "").rpartition(".")
        named = unquote(name)
        return named if hmac.compare_digest(proof.encode(), self._proof(named).encode()) else None

    def accepts(self, token: str) -> bool:
        """Say whether this is the token, in the same time for any other."""
        return self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())

    def _proof(self, name: str) -> str:
        return hmac.new((self.token or "").encode(), name.encode(), sha256).hexdigest()


def open_access(host: str, names: Iterable[str], token: str | None, *, write: bool, reviewer: str) -> Access:
    """Say who may come in at an address; ConfigError where that would be anybody, or nobody could."""
    named = {name.lower() for name in names}
    if token is not None and len(token) < FEWEST_CHARACTERS:
        raise ConfigError(
            f"PAIRSIFT_REVIEW_TOKEN has {len(token)} characters, fewer than {FEWEST_CHARACTERS}: it could be guessed"
        )
    if host not in LOOPBACK and token is None:
        raise ConfigError(
            f"--host {host} lets others than this machine in, and they would need no password: set "
            "PAIRSIFT_REVIEW_TOKEN to a long secret, or leave --host out"
        )
    if host in ANYWHERE and not named:
        raise ConfigError(f"--host {host} is no name to call it by: give the host's own with --allowed-host NAME")
    own = LOOPBACK if host in LOOPBACK else frozenset({host.lower()} - ANYWHERE)
    return Access(own | named, write, reviewer, token)


class Guard:
    """Lets in only what an `Access` allows, and sends every answer with headers that keep browsers from harm."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        who = self._access.who(_cookie(Headers(scope=scope)))
        scope.setdefault("state", {})["who"] = who
        answer = self._refusal(scope, who) or self._app

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, who: str | None) -> ASGIApp | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if _hostname(host) not in self._access.hosts:
            return PlainTextResponse("this server is not known by that name", 421)
        changes = scope["method"] not in ("GET", "HEAD")
        if changes and _is_foreign(headers, host):
            return PlainTextResponse("this form was sent by another site", 403)
        if who is None and not path.startswith(OPEN):
            return PlainTextResponse("log in first", 401) if changes else RedirectResponse(LOGIN, 303)
        if changes and path != LOGIN and not self._access.write:
            return PlainTextResponse("this review only shows: start it with --write to change anything", 403)
        return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_foreign(headers: Headers, host: str) -> bool:
    """Say whether a browser tells that another site sends this."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin not in (None, f"http://{host}", f"https://{host}")


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value
