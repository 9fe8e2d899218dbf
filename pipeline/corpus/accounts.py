"""The account of a text stage: every document that came in was kept, or dropped for one named reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class Account:
    """How many documents came in, how many were kept, and how many were dropped for each reason."""

    documents_in: int
    documents_kept: int
    dropped: Mapping[str, int]

    def check(self, where: str) -> None:
        """Raises IntegrityError, naming `where`, when documents were lost, invented or counted below zero."""
        counts = {"kept": self.documents_kept, **self.dropped}
        balances = sum(counts.values()) == self.documents_in and min(counts.values()) >= 0
        if not balances:
            said = " + ".join(f"{count} {name}" for name, count in counts.items())
            raise IntegrityError(
                f"{where}: the account does not balance: {self.documents_in} in, but {said}; "
                "remove .work and run the stage again"
            )
