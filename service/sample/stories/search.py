"""A story of a search that got slow, and of the helper that was sent out in it."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="vector-search",
        title="Filtered vector search is slow and misses results",
        source="claude-code",
        model="claude-opus-4-5",
        project="atlas-search",
        days_ago=11.5,
        turns=(
            user(
                "Semantic search within one collection takes 400 ms and sometimes returns 3 results although there are hundreds. Without the filter it is 9 ms. pgvector 0.8, HNSW, 2 million chunks."
            ),
            agent(
                "An HNSW index knows nothing of the filter: it walks to the nearest `ef_search` chunks of all collections and only then drops those that are not in yours. For a small collection few or none are left. I'll send a helper to find every place that builds such a query, and look at a plan meanwhile.",
                call(
                    "Task",
                    description="Find vector queries",
                    prompt="List every query in atlas-search that orders by a vector distance, with the filters it applies and the index it can use.",
                    subagent_type="Explore",
                ),
                call(
                    "Bash", command="psql -f explain/collection.sql", description="Plan of one filtered query"
                ),
            ),
            got(
                "Three queries: search/dense.py:44 (filter collection_id), search/similar.py:19 (no filter), eval/recall.py:61 (exact, sequential).",
                "Limit (actual time=389.2..391.7 rows=3)\n  -> Index Scan using chunks_embedding_hnsw (rows=3)\n       Filter: (collection_id = 812)\n       Rows Removed by Filter: 20,000\nExecution Time: 391.9 ms",
            ),
            agent(
                "The plan says it: 20,000 rows fetched in index order, 3 kept, and it stopped at `hnsw.max_scan_tuples`. Collection 812 has 1,900 chunks. For so few an exact scan is both right and quick.",
                call(
                    "Bash",
                    command="psql -c \"explain analyze select id from chunks where collection_id = 812 order by (embedding <=> '$Q') + 0 limit 10\"",
                ),
                thinking="The '+ 0' makes the ORDER BY expression not match the index, so the planner uses the b-tree on collection_id and sorts. Need a threshold: measure at 1k, 5k, 20k, 50k rows.",
            ),
            got(
                "Limit (actual time=4.1..4.1 rows=10)\n  -> Sort (top-N heapsort)\n       -> Index Scan using chunks_collection_id (rows=1900)\nExecution Time: 4.3 ms"
            ),
            agent(
                "392 ms with 3 results against 4.3 ms with 10 exact ones. So the number of rows that the filter leaves decides. I'll measure where the lines cross.",
                call(
                    "Bash",
                    command="python -m eval.crossover --rows 1000 5000 20000 50000 --queries 200",
                    description="Exact against HNSW by size",
                ),
            ),
            failed(
                "psycopg.errors.QueryCanceled: canceling statement due to statement timeout\n  while measuring exact at 50000 rows (cold cache)"
            ),
            agent(
                "",
                call(
                    "Bash",
                    command="PGOPTIONS='-c statement_timeout=60s' python -m eval.crossover --rows 1000 5000 20000 50000 --queries 200 --warm",
                ),
            ),
            got(
                "rows     exact p50   hnsw p50   hnsw recall@10\n1,000      1.9 ms     41.0 ms   0.55\n5,000      8.2 ms     22.4 ms   0.74\n20,000    29.7 ms     14.1 ms   0.93\n50,000    71.3 ms     11.8 ms   0.97"
            ),
            agent(
                "Rule from the numbers: below about 12,000 rows scan exactly; above, HNSW with `hnsw.iterative_scan = relaxed_order` and `ef_search = 200`. A capped count (`select count(*) from (… limit 12001)`) costs 1 ms and decides.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/atlas-search/search/dense.py",
                    old_string="ORDER BY embedding <=> %(q)s LIMIT %(k)s",
                    new_string="ORDER BY {distance} LIMIT %(k)s  -- exact below EXACT_ROWS, else HNSW",
                ),
                call("Bash", command="pytest tests/search -q && python -m eval.recall --filtered"),
            ),
            got(
                "The file has been updated.",
                "57 passed\nfiltered recall@10: 0.71 -> 0.98   p50: 288 ms -> 11 ms",
            ),
            user("excellent. write it up in the decisions folder"),
            agent(
                "Written as `docs/decisions/0014-filtered-vector-search.md`, with the table and the plan before and after.",
                call(
                    "Write",
                    file_path="/home/dev/projects/atlas-search/docs/decisions/0014-filtered-vector-search.md",
                    content="# 14. Few candidates: scan them exactly. Many: HNSW.\n\nAn approximate index cannot see the filter …",
                ),
            ),
            got("File created successfully."),
        ),
    ),
    Story(
        key="vector-search-helper",
        title="Find vector queries",
        source="claude-code",
        model="claude-haiku-4-5",
        project="atlas-search",
        days_ago=11.4998,
        parent="vector-search",
        turns=(
            user(
                "List every query in atlas-search that orders by a vector distance, with the filters it applies and the index it can use."
            ),
            agent(
                "",
                call(
                    "Grep",
                    pattern="<=>|<->|<#>",
                    path="/home/dev/projects/atlas-search",
                    output_mode="content",
                ),
            ),
            got(
                "search/dense.py:44: ORDER BY embedding <=> %(q)s LIMIT %(k)s\nsearch/similar.py:19: ORDER BY embedding <=> (SELECT embedding FROM chunks WHERE id = %(id)s) LIMIT 20\neval/recall.py:61: ORDER BY (embedding <=> %(q)s) + 0 LIMIT 10"
            ),
            agent(
                "",
                call(
                    "Read", file_path="/home/dev/projects/atlas-search/search/dense.py", offset=30, limit=25
                ),
                call(
                    "Bash",
                    command="psql -c '\\d chunks' | grep -i index -A6",
                    description="Indexes of chunks",
                ),
            ),
            got(
                "SELECT id, text FROM chunks WHERE collection_id = %(collection)s ORDER BY embedding <=> %(q)s LIMIT %(k)s",
                'Indexes:\n    "chunks_pkey" PRIMARY KEY, btree (id)\n    "chunks_collection_id" btree (collection_id)\n    "chunks_embedding_hnsw" hnsw (embedding vector_cosine_ops) WITH (m=\'16\', ef_construction=\'64\')',
            ),
            agent(
                "Three queries: search/dense.py:44 (filter collection_id; HNSW, or the b-tree on collection_id), search/similar.py:19 (no filter; HNSW), eval/recall.py:61 (exact on purpose: `+ 0` keeps the index out)."
            ),
        ),
    ),
)
