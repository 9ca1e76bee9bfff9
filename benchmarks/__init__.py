"""What Backscroll costs and finds, measured through the service as a user runs it.

    python -m benchmarks [name ...] [--quick] [--ablate] [--url URL --key KEY [--database-url URL]] [--home DIR --part NAME ...]

    ingest.py freshness.py search.py retrieval.py startup.py embedding.py    one room each
    live/         live queries, with a load client of their own: live.one, live.many, ...; `live` is all of them
    vectors.py    pgvector alone: what HNSW finds of the truth
    ablation.py   the labelled sets with parts of the ranking left out (`retrieval --ablate`)
    running.py    a service of our own in a fresh home, or one that runs; its client
    corpus.py     texts to send and questions to ask: real ones where they are, else made up from a seed
    planting.py   vectors for more texts than this machine can embed in the time of a benchmark
    measure.py    rounds, percentiles, progress
    report.py     figures with their baselines and goals; results/*.json and results.md

Rule: a benchmark says what was expected before it measures, and every figure stands beside a baseline of the
same run. Figures are written as they come, so that what was measured before an interruption stays.
"""
