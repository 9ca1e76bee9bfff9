"""How good search is: what the benchmarks said over time, and your own queries in three lists, marked by you."""

import marimo

app = marimo.App(width="medium", app_title="Search quality")

with app.setup:
    import json
    from pathlib import Path

    import altair as alt
    import marimo as mo
    import polars as pl
    from great_tables import GT

    from analytics import charts as looks
    from analytics import relevance
    from service.looking import measured, picking, searches

    ROOT = Path(__file__).parents[1]
    LISTS = list(searches.WAYS.values())
    K = 10


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Search quality

    Two questions: how search does on labelled sets, and how it does on **your** queries, by your own marks.
    """)
    return


@app.cell(hide_code=True)
def _():
    asked = picking.form()
    asked
    return (asked,)


@app.cell(hide_code=True)
def _(asked):
    place = picking.opened(asked.value, searched=True)
    return (place,)


@app.cell(hide_code=True)
def _():
    dark = mo.app_meta().theme == "dark"
    return (dark,)


@app.cell(hide_code=True)
def _():
    figures = measured.figures(ROOT)
    _sets = figures.filter((pl.col("name") == "retrieval") & pl.col("what").str.contains(": (recall|ndcg)"))
    retrieval = _sets.with_columns(
        pl.col("what").str.split_exact(": ", 1).struct.rename_fields(["set", "measure"]).alias("parts")
    ).unnest("parts")
    return figures, retrieval


@app.cell(hide_code=True)
def _(figures, retrieval):
    mo.stop(
        figures.is_empty(), mo.md("There are no results of benchmarks: `make bench` measures this machine.")
    )
    _latest = retrieval.sort("at").unique(["what"], keep="last", maintain_order=True)
    _runs = retrieval["at"].n_unique()
    _goals = _latest.drop_nulls("must")
    _met = _goals.filter(pl.col("value") >= pl.col("must"))
    _against = _latest.drop_nulls("baseline")
    _won = _against.filter(pl.col("value") > pl.col("baseline"))
    said_of_sets = "\n".join(
        f"- {line}"
        for line in (
            f"{_latest.height} figures of labelled sets, from {_runs} run{'s' if _runs != 1 else ''}; the latest began {_latest['at'].max():%Y-%m-%d %H:%M} UTC.",
            f"**{_met.height} of {_goals.height}** figures with a floor reach it.",
            f"**{_won.height} of {_against.height}** are above what they are compared with.",
        )
    )
    mo.md(said_of_sets)
    return (said_of_sets,)


@app.cell(hide_code=True)
def _(retrieval):
    _order = retrieval["what"].unique(maintain_order=True).to_list()
    _dots = retrieval.with_columns(
        pl.col("baseline_is").fill_null(""), run=pl.col("at").dt.strftime("%Y-%m-%d %H:%M")
    )
    _base = alt.Chart(_dots).encode(alt.Y("what:N", title="", sort=_order, axis=alt.Axis(labelLimit=360)))
    _zero_to_one = alt.Scale(domain=[0, 1])
    sets = (
        alt.layer(
            _base.mark_tick(thickness=3, size=16, color=looks.COLOURS[5]).encode(alt.X("must:Q", scale=_zero_to_one), tooltip=["what:N", "must:Q"]),
            _base.mark_point(shape="diamond", size=70, filled=False, strokeWidth=2, color=looks.COLOURS[1]).encode(
                alt.X("baseline:Q", scale=_zero_to_one), tooltip=["what:N", "baseline:Q", "baseline_is:N"]
            ),
            _base.mark_point(filled=True, size=80).encode(
                alt.X("value:Q", title="value (0 to 1, higher is better)", scale=_zero_to_one), alt.Opacity("run:O", title="run (UTC)"),
                tooltip=["what:N", "value:Q", "at:T", "target:Q"],
            ),
        )
        .properties(
            width=looks.WIDTH - 260, height=alt.Step(20),
            title=looks.titled("Labelled sets", "dot: a run, the latest darkest; red tick: the floor; orange diamond: what others published or measured"),
        )
    )  # fmt: skip
    return (sets,)


@app.cell(hide_code=True)
def _(dark, sets):
    looks.styled(sets, dark=dark)
    return


@app.cell(hide_code=True)
def _(retrieval):
    mo.stop(
        retrieval["at"].n_unique() < 2,
        mo.md("*One run draws no line over time: the next `make bench` adds a point.*"),
    )
    over_time = (
        alt.Chart(retrieval.filter(pl.col("measure").str.contains("@10$")))
        .mark_line(point=True)
        .encode(
            alt.X("yearmonthdatehoursminutes(at):O", title="when the run began (UTC)"),
            alt.Y("value:Q", title="value (0 to 1)", scale=alt.Scale(zero=False)),
            alt.Color("set:N", title="set"),
            alt.StrokeDash("measure:N", title="measure"),
            tooltip=["what:N", "at:T", "value:Q"],
        )
        .properties(width=looks.WIDTH - 160, height=220, title=looks.titled("Over time", "a point a run"))
    )
    return (over_time,)


@app.cell(hide_code=True)
def _(dark, over_time):
    looks.styled(over_time, dark=dark)
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    ## Your own queries

    Words alone, meaning alone, and the two fused with neighbours and sessions. Mark what answers the question; what you do not mark counts as bad,
    so look at all three lists.
    """)
    return


@app.cell(hide_code=True)
def _():
    query = mo.ui.text(value="endless redirect after signing in", label="query", full_width=True)
    with_text = mo.ui.switch(label="show what was written")
    mo.hstack([query, with_text], widths=[3, 1])
    return query, with_text


@app.cell(hide_code=True)
def _(place, query):
    mo.stop(place.client is None, mo.md("Parquet cannot be searched: queries need a service."))
    lists = picking.answered(lambda: searches.ask(place.client, query.value))
    return (lists,)


@app.cell(hide_code=True)
def _():
    get_marks, set_marks = mo.state({})
    return get_marks, set_marks


@app.cell(hide_code=True)
def _(lists, query, set_marks, with_text):
    _words = lists.snippets if with_text.value else {}
    _rows = [
        {**row, **({"text": _words[row["message"]]} if _words else {})}
        for row in lists.hits.drop("fused", "neighbours", "of_session", "coverage", "recency").to_dicts()
    ]
    picked = mo.ui.table(
        _rows, selection="multi", page_size=12, label="tick the good ones; the rest is bad",
        on_change=lambda rows: set_marks(lambda old: {**old, query.value: [row["message"] for row in rows]}),
    )  # fmt: skip
    picked
    return


@app.cell(hide_code=True)
def _(get_marks):
    marks = get_marks()
    return (marks,)


@app.cell(hide_code=True)
def _(lists, marks, place, query):
    good = {each: set(ids) for each, ids in marks.items() if ids}
    _again = {each: lists if each == query.value else searches.ask(place.client, each) for each in good}
    scored = pl.DataFrame(
        [{"query": each, "list": way, "nDCG": relevance.ndcg(_again[each].ranked[way], good[each], k=K), "good": len(good[each])}
         for each in good for way in LISTS],
        schema={"query": pl.String, "list": pl.String, "nDCG": pl.Float64, "good": pl.Int64},
    )  # fmt: skip
    return good, scored


@app.cell(hide_code=True)
def _(lists, query, scored):
    _hybrid, _words, _meaning = (set(lists.ranked[way][:K]) for way in LISTS)
    _moved = lists.hits.drop_nulls("rose").filter(pl.col("rose") != 0)
    _new = _hybrid - _words - _meaning
    said = [
        f"“{query.value}”: of the first {K}, **{len(_hybrid & _words)}** stand in the first {K} by words too, **{len(_hybrid & _meaning)}** by meaning, "
        f"{len(_words & _meaning)} in both of these, and {len(_new)} in neither.",
        f"Neighbours, the session and age moved **{_moved.height} of {len(lists.ranked['hybrid'])}** hits, the most by {max((abs(n) for n in _moved['rose']), default=0)} places.",
    ]
    if lists.modes["hybrid"] != "hybrid":
        said.append(f"The model was not there: the answer is {lists.modes['hybrid']}.")
    if scored.is_empty():
        said.append("Nothing is marked yet, so nothing is said of which list is better.")
    else:
        _means = scored.group_by("list").agg(pl.col("nDCG").mean()).sort("nDCG", descending=True)
        _best = _means.row(0, named=True)
        _rest = ", ".join(f"{row['list']} {row['nDCG']:.2f}" for row in _means.tail(-1).iter_rows(named=True))
        said.append(
            f"By your marks of {scored['query'].n_unique()} queries **{_best['list']}** is best with nDCG@{K} **{_best['nDCG']:.2f}** ({_rest})."
        )
    conclusions = "\n".join(f"- {line}" for line in said)
    mo.md(conclusions)
    return (conclusions,)


@app.cell(hide_code=True)
def _(lists):
    _parts = {
        "fused": "words and meaning",
        "neighbours": "neighbours",
        "of_session": "the session's best hit",
        "coverage": "what its session says together",
        "recency": "being new",
    }
    _shown = (
        lists.hits.drop_nulls("hybrid")
        .head(12)
        .with_columns(
            pl.format(
                "{}. {} of {} ({})", "hybrid", "message", "session", pl.col("project").fill_null("no project")
            ).alias("hit")
        )
    )
    _long = _shown.unpivot(
        list(_parts),
        index=["hit", "hybrid", "words", "meaning", "rose"],
        variable_name="part",
        value_name="score",
    ).with_columns(pl.col("part").replace_strict(_parts))
    why = (
        alt.Chart(_long, title=looks.titled("What each score is made of", "the hybrid list: standard deviations above the mean, and what stands around a message"))
        .mark_bar()
        .encode(
            alt.X("score:Q", title="score (no unit)"),
            alt.Y("hit:N", title="rank, message, session", sort=_shown["hit"].to_list(), axis=alt.Axis(labelLimit=300)),
            alt.Color("part:N", title="from", sort=list(_parts.values())),
            tooltip=["hit:N", "part:N", "score:Q", "words:Q", "meaning:Q", "rose:Q"],
        )
        .properties(width=looks.WIDTH - 220, height=alt.Step(22))
    )  # fmt: skip
    return (why,)


@app.cell(hide_code=True)
def _(dark, why):
    looks.styled(why, dark=dark)
    return


@app.cell(hide_code=True)
def _(lists):
    _long = (
        lists.hits.filter(pl.any_horizontal(pl.col(LISTS) <= K))
        .unpivot(LISTS, index="message", variable_name="list", value_name="rank")
        .drop_nulls("rank")
    )
    ranks = (
        alt.Chart(_long, title=looks.titled("One message in three lists", f"lines join the same message; the first {searches.DEPTH} of each list"))
        .mark_line(point=True, opacity=0.7)
        .encode(
            alt.X("list:N", title="list", sort=["words", "hybrid", "meaning"], axis=alt.Axis(labelAngle=0)),
            alt.Y("rank:Q", title="rank (1 is first)", scale=alt.Scale(reverse=True, domain=[1, searches.DEPTH])),
            alt.Color("message:N", legend=None),
            tooltip=["message:N", "list:N", "rank:Q"],
        )
        .properties(width=looks.WIDTH - 200, height=300)
    )  # fmt: skip
    return (ranks,)


@app.cell(hide_code=True)
def _(dark, ranks):
    looks.styled(ranks, dark=dark)
    return


@app.cell(hide_code=True)
def _(dark, good, scored):
    mo.stop(scored.is_empty(), mo.md("*Mark hits above: nDCG of your marks comes here.*"))
    _wide = scored.pivot("list", index=["query", "good"], values="nDCG")
    _table = (
        GT(_wide)
        .tab_header(f"nDCG@{K} of your marks", f"{len(good)} queries; what no list found cannot be marked")
        .fmt_number(LISTS, decimals=2)
    )
    looks.table(_table, dark=dark)
    return


@app.cell(hide_code=True)
def _(marks):
    mo.download(
        json.dumps(marks, indent=1).encode(),
        filename="marks.json",
        label="Keep the marks",
        disabled=not marks,
    )
    return


@app.cell(hide_code=True)
def _(ranks, sets, why):
    pictures = {"sets": sets, "scores": why, "lists": ranks}
    return (pictures,)


if __name__ == "__main__":
    app.run()
