"""How much of a source may be damaged: a few bad lines are dropped and counted, many stop the stage.

Damaged is what should have been text and cannot be read as such. What a rule leaves out is no damage: a
docstring that is too short, a book whose rights are reserved or whose marks are missing, a subset that came
twice.
"""

from __future__ import annotations

from pipeline.corpus.ingestion import Gathered
from pipeline.errors import DataError

DAMAGE = frozenset({"no_text", "not_json", "ragged_row", "undecodable", "unparsable"})
SHOWN_REASONS = 3


def require_mostly_sound(gathered: Gathered, *, source: str, max_share: float) -> None:
    """Raises DataError when more than `max_share` of all documents are damaged."""
    damaged = {reason: count for reason, count in gathered.dropped.items() if reason in DAMAGE}
    total = sum(damaged.values())
    if total <= max_share * gathered.documents_in:
        return
    worst = sorted(damaged, key=lambda reason: (-damaged[reason], reason))[:SHOWN_REASONS]
    said = [f"{reason} {damaged[reason]} (such as {gathered.examples[reason][0]})" for reason in worst]
    raise DataError(
        f"{source}: {total} of {gathered.documents_in} documents ({total / gathered.documents_in:.2%}) are "
        f"damaged, and {max_share:.2%} may be: {', '.join(said)}; mend or remove them, or raise "
        f"ingest.{source}.max_quarantine_share"
    )
