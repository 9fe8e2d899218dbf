"""Fetching over HTTP, politely and without trust in the other side.

One request at a time and a pause between those to one host; an overall deadline; a cap on the size; no
encodings that unpack; no redirect to a private address or away from TLS; a few more tries when the fault may
pass. A file that was fetched is kept and never fetched again: remove it to have it anew.
"""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx

from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.deadline import Deadline
from pipeline.errors import SourceError

MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 120.0
READ_TIMEOUT_SECONDS = 30.0
ALLOW_LOOPBACK = "GRISTMILL_ALLOW_LOOPBACK"  # for tests, which serve on 127.0.0.1
_NO_ADDRESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)  # the last: no host's name
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long one file may take, and how often it is tried."""

    max_bytes: int
    deadline_seconds: float
    attempts: int = 5
    wait_seconds: float = 1.0  # before the second try; doubles


class NotThereError(SourceError):
    """The server answers and does not have the file, or does not give it: asking again is no use."""


class _PassingError(Exception):
    """A fault that may be gone at the next try; `wait_seconds` is what the server asked for."""

    def __init__(self, what: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(what)
        self.wait_seconds = wait_seconds


class Downloader:
    """Fetches files; use it as a context manager."""

    def __init__(self, *, limits: Limits, courtesy: Courtesy) -> None:
        self._limits = limits
        self._pause_seconds = courtesy.seconds_between
        self._last_request: dict[str, float] = {}
        self._client = httpx.Client(
            headers={"User-Agent": user_agent(courtesy.contact), "Accept-Encoding": "identity"},
            follow_redirects=False,
            timeout=min(READ_TIMEOUT_SECONDS, limits.deadline_seconds),
            limits=httpx.Limits(max_keepalive_connections=0),  # a deadline is for one request's connection
        )

    def __enter__(self) -> Downloader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch(self, url: str, path: Path) -> None:
        """Stores what `url` serves at `path`, whole or not at all; does nothing when it is there already.

        Raises NotThereError when the server refuses the file, SourceError when it could not be had otherwise.
        """
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fault = _PassingError("not tried")
        for attempt in range(self._limits.attempts):
            if attempt:
                time.sleep(max(fault.wait_seconds, self._limits.wait_seconds * 2 ** (attempt - 1)))
            try:
                self._try(url, path)
                return
            except _PassingError as error:
                fault = error
        raise SourceError(
            f"{url}: {fault} ({self._limits.attempts} tries); try later or name another address"
        )

    def _try(self, url: str, path: Path) -> None:
        part = path.with_name(f".{path.name}.part")
        with Deadline(self._limits.deadline_seconds) as deadline:
            try:
                self._follow(url, part, deadline)
                os.replace(part, path)
            except _NO_ADDRESS as error:
                raise SourceError(f"{url}: is, or redirects to, what is not an address ({error})") from error
            except httpx.TransportError as error:
                what = _too_slow(deadline) if deadline.is_over else f"{type(error).__name__}: {error}"
                raise _PassingError(what) from error
            finally:
                part.unlink(missing_ok=True)

    def _follow(self, url: str, part: Path, deadline: Deadline) -> None:
        """Stores at `part` what `url`, or the address it redirects to, serves."""
        address = httpx.URL(url)
        for _ in range(MAX_REDIRECTS + 1):
            self._wait_for_turn(address.host)
            with self._client.stream("GET", address, extensions={"trace": deadline.watch}) as response:
                if not response.has_redirect_location:
                    self._store(response, part, deadline)
                    return
                address = _redirected(response)
        raise SourceError(f"{url}: more than {MAX_REDIRECTS} redirects; name the file's own address")

    def _wait_for_turn(self, host: str) -> None:
        wait = self._last_request.get(host, float("-inf")) + self._pause_seconds - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._last_request[host] = time.monotonic()

    def _store(self, response: httpx.Response, part: Path, deadline: Deadline) -> None:
        _require_success(response)
        size = 0
        with open(part, "wb") as file:
            for data in response.iter_raw():
                size += len(data)
                if size > self._limits.max_bytes:
                    raise SourceError(f"{response.url}: more than {self._limits.max_bytes} bytes; refused")
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if deadline.is_over:  # a body without a length ends like a whole one
            raise _PassingError(_too_slow(deadline))
        if not size:
            raise _PassingError("the answer is empty")


def user_agent(contact: str) -> str:
    """How requests introduce themselves: `Gristmill/0.1.0 (corpus reader; contact: me@example.org)`."""
    version = importlib.metadata.version("gristmill")
    return f"Gristmill/{version} (corpus reader; contact: {contact or 'not given'})"


def _require_success(response: httpx.Response) -> None:
    status = response.status_code
    if status in _MAY_PASS:
        raise _PassingError(
            f"status {status}", wait_seconds=_retry_after(response.headers.get("Retry-After", ""))
        )
    if status != httpx.codes.OK:
        raise NotThereError(f"{response.url}: status {status}; check the address")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise SourceError(
            f"{response.url}: sent as {encoding} although identity was asked for; name another address"
        )


def _retry_after(value: str) -> float:
    """The wait a server asks for in seconds, at most MAX_WAIT_SECONDS; 0 for what is no number of seconds."""
    return min(float(value), MAX_WAIT_SECONDS) if value.strip().isascii() and value.strip().isdigit() else 0.0


def _too_slow(deadline: Deadline) -> str:
    return f"not whole after {deadline.seconds:g} s"


def _redirected(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads, unless it must not be followed."""
    target = response.url.join(response.headers["Location"])
    if target.scheme not in {"http", "https"} or (
        response.url.scheme == "https" and target.scheme != "https"
    ):
        raise SourceError(f"{response.url}: redirects to {target.scheme or 'nothing'}:, refused")
    for address in _addresses(target.host):
        loopback_allowed = address.is_loopback and os.environ.get(ALLOW_LOOPBACK) == "1"
        if not address.is_global and not loopback_allowed:
            raise SourceError(f"{response.url}: redirects to the private address {address}, refused")
    return target


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise _PassingError(f"redirects to {host}, which has no address ({error})") from error
    return [ipaddress.ip_address(address.partition("%")[0]) for address in sorted(found)]
