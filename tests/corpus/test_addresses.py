"""Which addresses are public, also those that carry another one inside."""

from __future__ import annotations

import ipaddress

import httpx
import pytest

from pipeline.corpus.addresses import is_public, require_public_name
from pipeline.errors import SourceError

PUBLIC = ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::")
PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("::", "::1", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


def test_a_name_without_an_address_is_a_proxys_business_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere, private = httpx.URL("http://nowhere.invalid/"), httpx.URL("http://10.0.0.1/")
    with pytest.raises(OSError, match=r"not known|resolution|No address"):
        require_public_name(nowhere)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    require_public_name(nowhere)
    with pytest.raises(SourceError, match=r"private address 10\.0\.0\.1, refused"):
        require_public_name(private)
