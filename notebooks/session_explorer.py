"""One session from its first message to its last, the sessions that are like it, and a map of all of them."""

import marimo

app = marimo.App(width="medium", app_title="Session explorer")

with app.setup:
    from pathlib import Path

    import altair as alt
    import marimo as mo
    import polars as pl
    from great_tables import GT

    from analytics import charts as looks
    from analytics import maps
    from service.looking import picking, places

    ROLES = ["user", "assistant", "tool", "system", "unknown"]


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Session explorer

    What happened when, which tools were called and failed, where tokens went, and what is like it. Nothing that anybody wrote is shown
    unless you switch it on.
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
    again = mo.ui.refresh(options=["10s", "1m"], label="read again")
    again
    return (again,)


@app.cell(hide_code=True)
def _(again, place):
    if again.value and place.client:
        place.again()
    sessions, messages, calls, near = place.sessions(), place.messages(), place.calls(), place.neighbours()
    mo.stop(
        sessions is None or sessions.is_empty(),
        mo.md("There are no sessions here. A file of days has none: give a service, or a folder that a notebook wrote."),
    )  # fmt: skip
    named = sessions.with_columns(
        pl.format(
            "{} · {} · {}",
            "session",
            pl.col("project").fill_null("no project"),
            pl.col("started_at").dt.date(),
        ).alias("name")
    ).sort("messages", descending=True)
    return calls, messages, named, near


@app.cell(hide_code=True)
def _(named):
    _names = dict(zip(named["name"], named["session"], strict=True))
    chosen = mo.ui.dropdown(
        _names, value=named["name"][0], label="session (id · project · day in UTC)", searchable=True
    )
    with_text = mo.ui.switch(label="show what was written")
    mo.hstack([chosen, with_text], justify="start")
    return chosen, with_text


@app.cell(hide_code=True)
def _(calls, chosen, messages):
    turns = messages.filter(pl.col("session") == chosen.value).sort("seq")
    own_calls = calls.filter(pl.col("session") == chosen.value).sort("seq")
    begin = turns["at"].min()
    clocked = turns.with_columns(((pl.col("at") - begin).dt.total_milliseconds() / 60_000).alias("minute"))
    return begin, clocked, own_calls, turns


@app.cell(hide_code=True)
def _(begin, chosen, clocked, named, near, own_calls, place, turns):
    _one = named.filter(pl.col("session") == chosen.value).row(0, named=True)
    _failed = own_calls["failed"].sum()
    _read = turns["cache_read_tokens"].sum()
    _given = _read + turns["input_tokens"].sum() + turns["cache_write_tokens"].sum()
    _gaps = clocked.with_columns(pl.col("minute").diff().alias("gap")).sort(
        "gap", descending=True, nulls_last=True
    )
    said = [
        f"Read from **{place.name}**: {named.height} sessions. This one: {_one['source']}, {_one['model'] or 'no model'}, "
        f"{_one['project'] or 'no project'}, began {begin:%Y-%m-%d %H:%M} UTC.",
        f"**{turns.height} messages** in {clocked['minute'].max():.0f} minutes; **{own_calls.height} tool calls**, {_failed} of them failed.",
    ]
    if turns.height > 1:
        _gap = _gaps.row(0, named=True)
        said.append(
            f"The longest wait was {_gap['gap']:.1f} minutes, before message {_gap['seq']} ({_gap['role']})."
        )
    if _given:
        said.append(
            f"Of {_given:,} tokens that the model was given to read, **{_read / _given:.0%}** came from the cache."
        )
    if near is not None and near.height:
        _like = near.filter(pl.col("session") == chosen.value).sort("rank").head(3)["other"].to_list()
        _where = dict(zip(named["session"], named["project"], strict=True))
        said.append(
            "Most like it: "
            + ", ".join(f"{each} ({_where.get(each) or 'not read here'})" for each in _like)
            + "."
        )
    conclusions = "\n".join(f"- {line}" for line in said)
    mo.md(conclusions)
    return (conclusions,)


@app.cell(hide_code=True)
def _(clocked):
    _marks = clocked.with_columns(
        pl.when(pl.col("tool_errors") > 0)
        .then(pl.lit("a call failed"))
        .otherwise(pl.lit("in order"))
        .alias("outcome")
    )
    timeline = (
        alt.Chart(
            _marks,
            title=looks.titled(
                "Timeline", "a mark a message; larger: more tool calls; a cross: a call failed"
            ),
        )
        .mark_point(filled=True, opacity=0.9)
        .encode(
            alt.X("minute:Q", title="minutes since the first message"),
            alt.Y("role:N", title="role", sort=ROLES),
            alt.Color("role:N", title="role", sort=ROLES, legend=None),
            alt.Shape(
                "outcome:N",
                title="outcome",
                scale=alt.Scale(domain=["in order", "a call failed"], range=["circle", "cross"]),
            ),
            alt.Size("tool_calls:Q", title="tool calls", scale=alt.Scale(range=[60, 320]), legend=None),
            tooltip=[
                "seq:Q",
                "role:N",
                "at:T",
                "tool_calls:Q",
                "tool_errors:Q",
                "characters:Q",
                "duration_ms:Q",
            ],
        )
        .properties(width=looks.WIDTH, height=alt.Step(36))
    )
    return (timeline,)


@app.cell(hide_code=True)
def _(dark, timeline):
    looks.styled(timeline, dark=dark)
    return


@app.cell(hide_code=True)
def _(clocked):
    _kinds = {
        "input_tokens": "input, new", "cache_read_tokens": "input, from the cache",
        "cache_write_tokens": "input, written to the cache", "output_tokens": "output",
    }  # fmt: skip
    _long = clocked.filter(pl.col("role") == "assistant").unpivot(
        list(_kinds), index="seq", variable_name="kind", value_name="tokens"
    )
    tokens = (
        alt.Chart(_long.with_columns(pl.col("kind").replace_strict(_kinds)), title=looks.titled("Tokens by answer", "what each answer of the model read and wrote"))
        .mark_bar()
        .encode(
            alt.X("seq:O", title="message number in the session", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            alt.Y("tokens:Q", title="tokens", axis=alt.Axis(format="~s")),
            alt.Color("kind:N", title="kind", sort=list(_kinds.values())),
            tooltip=["seq:O", "kind:N", "tokens:Q"],
        )
        .properties(width=looks.WIDTH, height=180)
    )  # fmt: skip
    return (tokens,)


@app.cell(hide_code=True)
def _(dark, tokens):
    looks.styled(tokens, dark=dark)
    return


@app.cell(hide_code=True)
def _(chosen, named, near):
    mo.stop(
        near is None or near.is_empty(),
        mo.md("Who is like whom is known by a service, or by a folder that a notebook wrote."),
    )
    laid, shown = maps.layout(near)
    _places = laid.join(named, on="session", how="left").with_columns(
        (pl.col("session") == chosen.value).alias("chosen")
    )
    _base = alt.Chart(_places).encode(
        alt.X("x:Q", title="first direction of likeness (no unit)", axis=alt.Axis(labels=False)),
        alt.Y("y:Q", title="second direction of likeness (no unit)", axis=alt.Axis(labels=False)),
    )
    around = (
        alt.layer(
            _base.mark_point(filled=True, opacity=0.9).encode(
                alt.Color("project:N", title="project"),
                alt.Size("messages:Q", title="messages", scale=alt.Scale(range=[50, 350]), legend=None),
                tooltip=["session:N", "project:N", "source:N", "model:N", "messages:Q"],
            ),
            _base.transform_filter("datum.chosen").mark_point(size=600, strokeWidth=2, color=looks.COLOURS[5]),
            _base.mark_text(dy=-13, fontSize=10).encode(text="session:N"),
        )
        .properties(
            width=looks.WIDTH - 100, height=420,
            title=looks.titled("Sessions by likeness of what was said in them",
                               f"larger: more messages; near: each is early in the other's list of similar sessions; these two directions show {shown:.0%} of the spread"),
        )
    )  # fmt: skip
    return (around,)


@app.cell(hide_code=True)
def _(around, dark):
    looks.styled(around, dark=dark)
    return


@app.cell(hide_code=True)
def _(dark, own_calls):
    _tools = (
        own_calls.group_by("tool")
        .agg(
            pl.len().alias("calls"),
            pl.col("failed").sum(),
            (pl.col("duration_ms").median() / 1000).alias("median_s"),
        )
        .sort("calls", "tool", descending=[True, False])
    )
    _table = (
        GT(_tools)
        .tab_header("Tools of this session")
        .cols_label(median_s="median (seconds)")
        .fmt_number("median_s", decimals=1)
        .sub_missing()
    )
    looks.table(_table, dark=dark)
    return


@app.cell(hide_code=True)
def _(chosen, place, with_text):
    mo.stop(not with_text.value, mo.md("*What was written is hidden: the switch above shows it.*"))
    mo.stop(place.client is None, mo.md("*Parquet holds no texts.*"))
    _told = place.client.session(chosen.value)["messages"]
    mo.ui.table(
        [
            {"number": each["seq"], "role": each["role"], "text": each.get("textContent", "")}
            for each in _told
        ],
        selection=None,
    )
    return


@app.cell(hide_code=True)
def _():
    folder = mo.ui.text(value="facts", label="folder")
    write = mo.ui.run_button(label="Keep what was read as Parquet (no texts)")
    mo.hstack([folder, write], justify="start")
    return folder, write


@app.cell(hide_code=True)
def _(folder, place, write):
    mo.stop(not write.value)
    mo.md("Written: " + ", ".join(str(file) for file in places.keep_year(place, Path(folder.value))))
    return


@app.cell(hide_code=True)
def _(around, timeline, tokens):
    pictures = {"timeline": timeline, "tokens": tokens, "map": around}
    return (pictures,)


if __name__ == "__main__":
    app.run()
