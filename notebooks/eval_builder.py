"""From a search to an eval set: look what it holds, label it, split it, export it, and check the file."""

import marimo

app = marimo.App(width="medium", app_title="Eval builder")

with app.setup:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import altair as alt
    import marimo as mo
    import polars as pl
    from great_tables import GT

    from analytics import charts as looks
    from service.looking import picking, sets

    STATUSES = ["golden", "correct", "incorrect", "needs_review"]
    FORMATS = [
        "deepeval", "deepeval-conversational", "openai", "openai-finetune", "ragas", "ragas-multi", "promptfoo", "inspect",
        "langsmith", "sharegpt", "parquet", "filesystem",
    ]  # fmt: skip


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Eval builder

    A search finds sessions; labels say which of them are worth keeping; a split by session keeps train and test apart; an export makes the
    file that an evaluation reads. `docs/evals.md` says what each format is.
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
    query = mo.ui.text(value="tests fail", label="1. search", full_width=True)
    limit = mo.ui.slider(1, 100, value=20, label="sessions at most", show_value=True)
    mode = mo.ui.dropdown(
        ["per_turn", "full", "final_only"], value="per_turn", label="a case is a turn, a session, or its end"
    )
    shares = mo.ui.text(value="0.6,0.2,0.2", label="train, validation, test")
    redact = mo.ui.switch(value=True, label="take out credentials")
    mo.vstack([query, mo.hstack([limit, mode, shares, redact], justify="start", wrap=True)])
    return limit, mode, query, redact, shares


@app.cell(hide_code=True)
def _(limit, mode, query, redact, shares):
    wanted = {
        "q": query.value, "limit": limit.value, "turn_mode": mode.value, "split": shares.value, "redact": redact.value,
        "anonymize": True,
    }  # fmt: skip
    return (wanted,)


@app.cell(hide_code=True)
def _(place, wanted):
    mo.stop(
        place.client is None and place.cases() is None,
        mo.md("There is no eval set here: give a service, or a set that was exported with `format=parquet`."),
    )
    preview = picking.answered(lambda: place.client.preview_set(wanted)) if place.client else None
    if place.client:
        with TemporaryDirectory() as _folder:
            _file = Path(_folder) / "set.parquet"
            sets.write(place.client, wanted | {"format": "parquet"}, _file)
            cases = sets.cases(_file)
    else:
        cases = place.cases()
    return cases, preview


@app.cell(hide_code=True)
def _(cases, place, preview):
    _splits = cases.group_by("split").len().sort("len", descending=True)
    _leaks = sets.leaks(cases)
    _longest = cases.sort("output", descending=True).row(0, named=True)
    said = [
        f"Read from **{place.name}**: **{cases.height} cases** of **{cases['session'].n_unique()} sessions**: "
        + ", ".join(f"{row['len']} {row['split']}" for row in _splits.iter_rows(named=True)) + ".",
        "No session has cases in two splits." if not _leaks else f"**{len(_leaks)} sessions have cases in two splits**: do not test with this set.",
        f"{cases['expected'].sum()} cases have an expected output; the others are compared with what was answered.",
        f"Half of the answers have {cases['output'].median():,.0f} characters or fewer, the longest {_longest['output']:,}.",
    ]  # fmt: skip
    if preview and preview["skipped"]:
        said.append(
            "Left out: "
            + ", ".join(f"{count} for “{reason}”" for reason, count in preview["skipped"].items())
            + "."
        )
    if preview:
        _cut = sum(preview["credentials"].values())
        said.append(f"{_cut} credentials are cut." if _cut else "No credentials were found in it.")
    conclusions = "\n".join(f"- {line}" for line in said)
    mo.md(conclusions)
    return (conclusions,)


@app.cell(hide_code=True)
def _(cases):
    _counts = cases.group_by("split", "source").agg(
        pl.len().alias("cases"), pl.col("session").n_unique().alias("sessions")
    )
    composition = (
        alt.Chart(
            _counts,
            title=looks.titled(
                "What the set holds", "cases by split and by the tool that the session came from"
            ),
        )
        .mark_bar()
        .encode(
            alt.X("cases:Q", title="cases", axis=alt.Axis(tickMinStep=1)),
            alt.Y("split:N", title="split", sort=["train", "validation", "test", "all"]),
            alt.Color("source:N", title="source"),
            tooltip=["split:N", "source:N", "cases:Q", "sessions:Q"],
        )
        .properties(width=looks.WIDTH - 60, height=alt.Step(34))
    )
    return (composition,)


@app.cell(hide_code=True)
def _(composition, dark):
    looks.styled(composition, dark=dark)
    return


@app.cell(hide_code=True)
def _(cases):
    lengths = (
        alt.Chart(
            cases.with_columns(pl.col("input", "output").clip(1)),
            title=looks.titled("How long questions and answers are", "a mark a case; logarithmic"),
        )
        .mark_point(filled=True, size=70, opacity=0.8)
        .encode(
            alt.X("input:Q", title="question (characters)", scale=alt.Scale(type="log", nice=False)),
            alt.Y("output:Q", title="answer (characters)", scale=alt.Scale(type="log", nice=False)),
            alt.Color("split:N", title="split", sort=["train", "validation", "test", "all"]),
            tooltip=["case:N", "source:N", "model:N", "split:N", "messages:Q", "input:Q", "output:Q"],
        )
        .properties(width=looks.WIDTH - 60, height=260)
    )
    return (lengths,)


@app.cell(hide_code=True)
def _(dark, lengths):
    looks.styled(lengths, dark=dark)
    return


@app.cell(hide_code=True)
def _(dark, preview):
    mo.stop(not (preview and preview["warnings"]), mo.md("*Nothing to look at first.*"))
    _rows = pl.DataFrame(preview["warnings"]).select("what", "count", "message")
    looks.table(GT(_rows).tab_header("To look at first"), dark=dark)
    return


@app.cell(hide_code=True)
def _():
    status = mo.ui.dropdown(STATUSES, value="golden", label="2. label all that was found")
    tag = mo.ui.text(value="", label="and with the tag")
    label_now = mo.ui.run_button(label="Label them")
    mo.hstack([status, tag, label_now], justify="start")
    return label_now, status, tag


@app.cell(hide_code=True)
def _(label_now, place, status, tag, wanted):
    mo.stop(not label_now.value or place.client is None)
    _set = {"evalReady": True, "evalStatus": status.value} | ({"addTags": [tag.value]} if tag.value else {})
    _found = {"q": wanted["q"], "limit": wanted["limit"]}
    labelled = picking.answered(lambda: place.client.label_many(search=_found, set=_set))
    mo.md(f"**{labelled['sessions']} sessions** are marked as ready and {status.value}.")
    return


@app.cell(hide_code=True)
def _():
    format = mo.ui.dropdown(FORMATS, value="deepeval", label="3. export as")
    archive = mo.ui.switch(label="a zip with the manifest and a file a split")
    target = mo.ui.text(value="evals.json", label="into the file")
    export_now = mo.ui.run_button(label="Export")
    mo.hstack([format, archive, target, export_now], justify="start", wrap=True)
    return archive, export_now, format, target


@app.cell(hide_code=True)
def _(archive, export_now, format, place, target, wanted):
    mo.stop(not export_now.value or place.client is None)
    _order, _file = (
        wanted | {"format": format.value, "archive": archive.value},
        Path(target.value).expanduser(),
    )
    _told = picking.answered(lambda: sets.write(place.client, _order, _file))
    mo.md(
        f"**{_told['x-export-testcases']} cases** of {_told['x-export-sessions']} sessions are in `{target.value}`."
    )
    return


@app.cell(hide_code=True)
def _(composition, lengths):
    pictures = {"composition": composition, "lengths": lengths}
    return (pictures,)


if __name__ == "__main__":
    app.run()
