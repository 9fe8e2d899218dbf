"""Where a request may go: what a person wrote down, and from there on only public addresses.

The address in params.yaml may be a machine of one's own network. Where it redirects to is said by the other
side, and must not reach into that network: the name is resolved and looked at before anything is sent, and
the address that is then really connected to is looked at again, since a name may change in between.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import urllib.request

import httpx

from pipeline.errors import SourceError

ALLOW_LOOPBACK = "GRISTMILL_ALLOW_LOOPBACK"  # for tests, which serve on 127.0.0.1
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def redirected(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads. SourceError when that is no http(s) address, or leaves TLS."""
    target = response.url.join(response.headers["Location"])
    leaves_tls = response.url.scheme == "https" and target.scheme != "https"
    if target.scheme not in {"http", "https"} or leaves_tls:
        raise SourceError(f"{response.url}: redirects to {target.scheme or 'nothing'}:, refused")
    return target


def require_public_name(url: httpx.URL) -> None:
    """SourceError unless every address that the name of a redirect's target has is public.

    Raises OSError when it has none. Behind a proxy, which resolves names itself, that is no error.
    """
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(url.host, None)}
    except OSError:
        if not is_proxied():
            raise
        found = set()
    for address in sorted(found):
        require_public(address, url)


def require_public(address: str, url: httpx.URL) -> None:
    """SourceError unless the numeric `address`, which `url` leads to, is public."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if not is_public(parsed) and not (parsed.is_loopback and os.environ.get(ALLOW_LOOPBACK) == "1"):
        raise SourceError(f"{url}: is a redirect to the private address {address}, refused")


def is_public(address: _Address) -> bool:
    """Whether the address is one machine's on the public internet, also when it carries an IPv4 address.

    >>> is_public(ipaddress.ip_address("64:ff9b::7f00:1"))
    False
    """
    return address.is_global and not address.is_multicast and all(map(is_public, _carried(address)))


def is_proxied() -> bool:
    """Whether the environment names a proxy: then that is what is connected to, wherever a request goes."""
    return bool(urllib.request.getproxies())


def _carried(address: _Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 address inside a mapped, 6to4 or NAT64 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return [inner for inner in (address.ipv4_mapped, address.sixtofour, nat64) if inner is not None]
