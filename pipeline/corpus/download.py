"""Fetching over HTTP, politely and without trust in the other side.

One request at a time and a pause between those to one host, also those of other processes; a deadline for
the whole transfer; a cap on the size; no encodings that unpack; no redirect to a private address or away from
TLS; a few more tries when the fault may pass, each going on where the last one broke off, also that of an
earlier, killed process. A file that was fetched is kept and never fetched again.

What is fetched for the corpus goes through pipeline/corpus/store.py, which keeps it under its hash and holds
it against data/sources.lock.
"""

from __future__ import annotations

import contextlib
import email.utils
import functools
import importlib.metadata
import logging
import mimetypes
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from pipeline.corpus.addresses import is_proxied, redirected, require_public, require_public_name
from pipeline.corpus.courtesy import Courtesy
from pipeline.corpus.deadline import CONNECTED, Budget, Deadline
from pipeline.corpus.transfers import Bounds, Held, Partial, PassingError
from pipeline.corpus.turns import Turns, shared_folder
from pipeline.durability import flush
from pipeline.errors import SourceError
from pipeline.terminal import printable

_log = logging.getLogger(__name__)
MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 120.0
READ_TIMEOUT_SECONDS = 30.0
_NO_ADDRESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)  # the last: no host's name
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
_WHOLE_OR_PART = (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may be, how long its requests may take together, and how often it is tried."""

    max_bytes: int
    deadline_seconds: float
    attempts: int = 5
    wait_seconds: float = 1.0  # before the second try; doubles


class NotThereError(SourceError):
    """The server answers and does not have the file, or does not give it: asking again is no use."""


class Downloader:
    """Fetches files; use it as a context manager. `sleep` is what waits between tries and requests."""

    def __init__(
        self, *, limits: Limits, courtesy: Courtesy, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._limits, self._sleep = limits, sleep
        self._turns = Turns(shared_folder(), seconds_between=courtesy.seconds_between, sleep=sleep)
        self._client = httpx.Client(
            headers={"User-Agent": user_agent(courtesy.contact), "Accept-Encoding": "identity"},
            verify=_tls(),
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

    def fetch(self, url: str, path: Path, *, expected_bytes: int | None = None) -> None:
        """Stores what `url` serves at `path`, whole or not at all; does nothing when it is there already.

        What came before it broke off stays beside `path`, for the next call. `expected_bytes` tells a cut
        body from a whole one where the server does not. Raises NotThereError when the server refuses the
        file, SourceError when it could not be had otherwise.
        """
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Partial(path, url)
        self._complete(url, partial, Bounds(self._limits.max_bytes, expected_bytes))
        os.replace(partial.data, path)
        flush(path.parent)
        partial.remove()

    def _complete(self, url: str, partial: Partial, bounds: Bounds) -> None:
        """Tries until the partial file is whole."""
        budget = Budget(self._limits.deadline_seconds)
        fault = PassingError("not tried")
        tries = 0
        while tries < self._limits.attempts and budget.left > 0:
            if tries:
                self._sleep(max(fault.wait_seconds, self._limits.wait_seconds * 2 ** (tries - 1)))
            tries += 1
            try:
                self._try(url, partial, bounds, budget)
                return
            except PassingError as error:
                fault = error
        if not partial.held().bytes:
            partial.remove()
        what = f"not whole after {budget.seconds:g} s; {fault}" if budget.left <= 0 else str(fault)
        kind = NotThereError if fault.is_absence else SourceError
        raise kind(f"{url}: {what} ({tries} tries); try later or name another address")

    def _try(self, url: str, partial: Partial, bounds: Bounds, budget: Budget) -> None:
        held = partial.held()
        if held.is_whole:
            return
        try:
            with self._answer(url, held, budget) as response:
                _require_success(response, partial)
                _note_type(response)
                partial.receive(response, held, bounds)
        except SourceError:  # refused for good, so nothing is left to go on from
            partial.remove()
            raise
        except _NO_ADDRESS as error:
            raise SourceError(f"{url}: is, or redirects to, what is not an address ({error})") from error
        except httpx.TransportError as error:
            raise PassingError(f"{type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def _answer(self, url: str, held: Held, budget: Budget) -> Iterator[httpx.Response]:
        """The answer of `url`, or of the address it redirects to; its body is yet to be read."""
        address, is_redirect = httpx.URL(url), False
        for _ in range(MAX_REDIRECTS + 1):
            with (
                self._turns.turn(address.host),
                budget.request() as deadline,
                self._client.stream(
                    "GET",
                    address,
                    headers=held.headers(),
                    extensions={"trace": _watch(deadline, address if is_redirect else None)},
                ) as response,
            ):
                if not response.has_redirect_location:
                    yield response
                    if deadline.is_over:  # a body without a length ends like a whole one
                        raise PassingError("broken off")
                    return
                address, is_redirect = redirected(response), True
            try:
                require_public_name(address)
            except OSError as error:
                raise PassingError(f"redirects to {address.host}, which has no address ({error})") from error
        raise SourceError(f"{url}: more than {MAX_REDIRECTS} redirects; name the file's own address")


def user_agent(contact: str) -> str:
    """How requests introduce themselves: `Gristmill/0.1.0 (corpus reader; contact: me@example.org)`."""
    version = importlib.metadata.version("gristmill")
    return f"Gristmill/{version} (corpus reader; contact: {contact or 'not given'})"


@functools.cache
def _tls() -> ssl.SSLContext:
    """What connections trust; reading the certificates takes a tenth of a second."""
    return httpx.create_ssl_context()


def _watch(deadline: Deadline, target: httpx.URL | None) -> Callable[[str, Mapping[str, Any]], None]:
    """What httpx tells about each connection it makes; that to the `target` of a redirect must be public."""

    def watch(event: str, about: Mapping[str, Any]) -> None:
        deadline.watch(event, about)
        if event == CONNECTED and target is not None and not is_proxied():
            connection = about["return_value"]
            try:
                require_public(str(connection.get_extra_info("server_addr")[0]), target)
            except SourceError:
                connection.close()
                raise

    return watch


def _require_success(response: httpx.Response, partial: Partial) -> None:
    status = response.status_code
    if status in _MAY_PASS:
        raise PassingError(f"status {status}", wait_seconds=_retry_after(response))
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.remove()
        raise PassingError("the server has less than what came before")
    if status not in _WHOLE_OR_PART:
        raise NotThereError(f"{response.url}: status {status}; check the address")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise NotThereError(
            f"{response.url}: sent as {encoding} although identity was asked for; name another address"
        )


def _note_type(response: httpx.Response) -> None:
    """Says where a server and the name of a file disagree on what it is; only its bytes decide that."""
    served = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    named, _ = mimetypes.guess_type(response.url.path)
    if served and named and served != named:
        _log.info("%s: served as %s; its bytes decide what it is", response.url, printable(served))


def _retry_after(response: httpx.Response) -> float:
    """The seconds a server asks for, as a number or a date: at most MAX_WAIT_SECONDS, 0 for neither."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said), MAX_WAIT_SECONDS)
    date = email.utils.parsedate_tz(said)
    try:
        seconds = email.utils.mktime_tz(date) - time.time() if date else 0.0
    except (ValueError, OverflowError):  # a year or an offset beyond any calendar
        seconds = 0.0
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS)
