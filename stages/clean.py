"""clean: repair text, cut boilerplate and drop what should not train, each document for a counted reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import open_artifact, publishing
from pipeline.corpus.accounts import Account
from pipeline.corpus.audit import Audit, audit
from pipeline.corpus.cleaning import CleanedShard, CleanTask, add_up, clean_shard
from pipeline.corpus.shards import adopt_shards, read_shards, shard_paths
from pipeline.reuse import Results
from pipeline.settings.clean import CleanParams
from pipeline.stage import Input, Output, Work, main


@dataclass(frozen=True, slots=True)
class Example:
    """A document that was dropped: its id, where it comes from, and the beginning of its repaired text."""

    id: str
    origin: str
    beginning: str


@dataclass(frozen=True, slots=True)
class CleanMetrics:
    """The account of one source; `repaired` counts the documents that each repair changed, kept or not.

    `lines_cut` counts the lines that went from kept documents, by reason; `languages` the documents by the
    language found in them; `examples` shows some of the dropped ones for each reason; `audit` says of the
    kept text what stands near terms for people.
    """

    source: str
    documents_in: int
    documents_kept: int
    dropped: dict[str, int]
    bytes_in: int
    bytes_kept: int
    repaired: dict[str, int]
    lines_cut: dict[str, int]
    languages: dict[str, int]
    examples: dict[str, list[Example]]
    audit: Audit


def run(ingested: Input, cleaned: Output, *, source: str, params: CleanParams, work: Work) -> CleanMetrics:
    """Cleans each shard of `ingested` on its own and publishes what is left as `cleaned`, in the same
    order.
    """
    documents = open_artifact(ingested, kind="documents")
    results = Results(work.cache, code=work.code)
    tasks: dict[str, CleanTask] = {}
    for path in shard_paths(documents.path):
        key = results.key(documents.hashes[path.name], source, params)
        tasks[key] = CleanTask(str(path), str(results.file(key, ".parquet")), source, params)
    done = results.map_shards(clean_shard, tasks, result=CleanedShard, label=f"cleaning {source}")
    total = add_up(done.values())
    Account(total.documents_in, total.documents_kept, total.dropped).check(f"clean@{source}")
    facts: dict[str, Any] = {"source": source, "documents": total.documents_kept, "bytes": total.bytes_kept}
    with publishing(cleaned, kind="documents", facts=facts) as out:
        adopt_shards([Path(tasks[name].cleaned) for name, shard in done.items() if shard.documents_kept], out)
        audited = audit(read_shards(out), params.audit)
    return CleanMetrics(
        source=source,
        documents_in=total.documents_in,
        documents_kept=total.documents_kept,
        dropped=total.dropped,
        bytes_in=total.bytes_in,
        bytes_kept=total.bytes_kept,
        repaired=total.repaired,
        lines_cut=total.lines_cut,
        languages=total.languages,
        examples={
            reason: [Example(*each) for each in examples] for reason, examples in total.examples.items()
        },
        audit=audited,
    )


if __name__ == "__main__":
    main("clean", run)
