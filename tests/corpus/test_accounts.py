"""accounts: every document is kept or dropped for one reason."""

from __future__ import annotations

import pytest

from pipeline.corpus.accounts import Account
from pipeline.errors import IntegrityError


def test_an_account_that_balances_passes() -> None:
    Account(documents_in=5, documents_kept=3, dropped={"empty": 2}).check("clean@files")


def test_a_lost_document_is_refused_by_name_of_the_stage() -> None:
    with pytest.raises(IntegrityError, match=r"clean@files: .* 5 in, but 3 kept \+ 1 empty"):
        Account(documents_in=5, documents_kept=3, dropped={"empty": 1}).check("clean@files")


def test_a_negative_count_cannot_hide_a_loss() -> None:
    with pytest.raises(IntegrityError):
        Account(documents_in=2, documents_kept=3, dropped={"empty": -1}).check("clean@files")
