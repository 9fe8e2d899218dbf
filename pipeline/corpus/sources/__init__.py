"""Where documents come from: one module per source, all with the same two functions.

    parts(folder, params, *, downloads) -> {name: part}   what there is to read, in pieces of bounded work
    read(part) -> iterator of Document | Rejected         one piece, in any process

`folder` is `data/sources/<source>`, `downloads` a folder that keeps what was fetched, so that nothing is
fetched twice. A part is a small picklable value. See pipeline/corpus/ingestion.py for what is done with them.
"""
