"""Personal data replaced by placeholders: e-mail addresses, IP addresses, phone and card numbers.

Every pattern begins where nothing of its kind stands before and is bounded in length, so that each takes time
in proportion to the text. What is no person's stays: private IP addresses, numbers that fail a card's check
digit. Phone numbers are those written with a country code, or as in North America.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

from pipeline.settings.people import PersonalDataParams

EMAIL, IP_ADDRESS, PHONE_NUMBER, CARD_NUMBER = "<EMAIL>", "<IP_ADDRESS>", "<PHONE_NUMBER>", "<CARD_NUMBER>"

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(
    rf"(?<![\w.!#$%&*+/=?^`{{|}}~-])[\w.!#$%&*+/=?^`{{|}}~'-]{{1,64}}@(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}(?![\w-])"
)
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all that was ever given out; other colons are code
_PHONE = re.compile(
    r"""(?<![\w+.-]) (?: \+\d{1,3} (?:[ .-]?\(?\d{1,4}\)?){2,6}
                       | \(\d{3}\)\ ?\d{3}[ .-]\d{4}
                       | (?:1[ .-])?[2-9]\d{2}[ .-]\d{3}[.-]\d{4} ) (?![\w-])(?!\.\d)""",
    re.VERBOSE,
)
_MIN_PHONE_DIGITS, _MAX_PHONE_DIGITS = 8, 15
_CARD = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])(?!\.\d)")


def mask(text: str, params: PersonalDataParams) -> tuple[str, tuple[str, ...]]:
    """The text with the kinds that params name replaced, and the names of those that were found."""
    made: list[str] = []
    for name, replaced in MASKS.items():
        if getattr(params, name):
            masked = replaced(text)
            if masked != text:
                made.append(name)
                text = masked
    return text, tuple(made)


def mask_emails(text: str) -> str:
    """E-mail addresses become EMAIL."""
    return _EMAIL.sub(EMAIL, text) if "@" in text else text


def mask_ip_addresses(text: str) -> str:
    """Addresses of the public Internet become IP_ADDRESS; private and reserved ones stay."""
    return _IPV6.sub(_without_ipv6, _IPV4.sub(_without_ipv4, text)) if ":" in text or "." in text else text


def mask_card_numbers(text: str) -> str:
    """Numbers of 13 to 19 digits whose last one is the right check digit (Luhn) become CARD_NUMBER."""
    return _CARD.sub(lambda found: CARD_NUMBER if has_check_digit(found[0]) else found[0], text)


def mask_phone_numbers(text: str) -> str:
    """Phone numbers become PHONE_NUMBER."""
    return _PHONE.sub(_without_phone, text)


def has_check_digit(number: str) -> bool:
    """Whether the digits of a number fulfil the Luhn formula.

    >>> has_check_digit("4111 1111 1111 1111"), has_check_digit("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in reversed(number) if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _without_ipv4(found: re.Match[str]) -> str:
    try:
        return IP_ADDRESS if ipaddress.IPv4Address(found[0]).is_global else found[0]
    except ValueError:
        return found[0]


def _without_ipv6(found: re.Match[str]) -> str:
    try:
        return IP_ADDRESS if ipaddress.IPv6Address(found[0]) in _GLOBAL_IPV6 else found[0]
    except ValueError:
        return found[0]


def _without_phone(found: re.Match[str]) -> str:
    digits = sum(character.isdecimal() for character in found[0])
    return PHONE_NUMBER if _MIN_PHONE_DIGITS <= digits <= _MAX_PHONE_DIGITS else found[0]


# Cards before phones, which are shorter.
MASKS: Mapping[str, Callable[[str], str]] = {
    "mask_emails": mask_emails,
    "mask_ip_addresses": mask_ip_addresses,
    "mask_card_numbers": mask_card_numbers,
    "mask_phone_numbers": mask_phone_numbers,
}
