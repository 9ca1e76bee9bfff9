"""How agents work: tool calls, failures, retries, edits and latency, by model, tool and over time, with how sure each figure is."""

import marimo

app = marimo.App(width="medium", app_title="Agent behaviour")

with app.setup:
    import altair as alt
    import marimo as mo
    import polars as pl
    from great_tables import GT

    from analytics import behaviour
    from analytics import charts as looks
    from service.looking import picking

    ENOUGH = 5


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Agent behaviour

    Which tools agents call, how often that fails, whether they try again, and how long it takes.

    **How sure.** Lines through points are 95 % intervals. Of shares they are Wilson's, as if calls were independent; of percentiles they are
    a bootstrap over whole sessions, since calls of one session are alike. Where two intervals overlap, these sessions do not tell the
    two apart. None of it says why: models were given different work.
    """)
    return


@app.cell(hide_code=True)
def _():
    asked = picking.form()
    asked
    return (asked,)


@app.cell(hide_code=True)
def _(asked):
    place = picking.opened(asked.value)
    return (place,)


@app.cell(hide_code=True)
def _():
    dark = mo.app_meta().theme == "dark"
    return (dark,)


@app.cell(hide_code=True)
def _():
    by = mo.ui.dropdown(["model", "source", "project", "tool"], value="model", label="compare by")
    mo.hstack([by], justify="start")
    return (by,)


@app.cell(hide_code=True)
def _(place):
    _found = place.calls()
    mo.stop(
        _found is None or _found.is_empty(),
        mo.md("There are no tool calls here. A file of days has none: give a service, or a folder that a notebook wrote."),
    )  # fmt: skip
    calls = behaviour.with_retries(_found)
    return (calls,)


@app.cell(hide_code=True)
def _(by, calls):
    failures = behaviour.shares(calls.drop_nulls(by.value), [by.value])
    waits = behaviour.latency(calls.drop_nulls(by.value), [by.value])
    tools = behaviour.shares(calls, ["tool"])
    after = calls.sort("session", "seq", maintain_order=True).with_columns(
        pl.col("retry").shift(-1).over("session", "tool").fill_null(False).alias("tried_again")
    )
    retried = behaviour.shares(after.filter("failed"), ["source"], "tried_again")
    weekly = behaviour.shares(
        calls.with_columns(pl.col("at").dt.truncate("1w").dt.date().alias("week")), ["week"]
    ).sort("week")
    edits = behaviour.shares(calls.drop_nulls(by.value), [by.value], "edit")
    return edits, failures, retried, tools, waits, weekly


@app.cell(hide_code=True)
def _(by, calls, edits, failures, place, retried, tools, waits):
    _failed, _known = failures["part"].sum(), failures["calls"].sum()
    _low, _high = behaviour.wilson(_failed, _known)
    _pairs = behaviour.apart(failures)
    _often, _again = retried["part"].sum(), retried["calls"].sum()
    _worst = tools.filter(pl.col("calls") >= ENOUGH).sort("share", descending=True)
    _median = waits.filter(pl.col("quantile") == 0.5)
    said = [
        f"Read from **{place.name}**: {calls.height} tool calls of {calls['session'].n_unique()} sessions, "
        f"{calls['at'].min():%Y-%m-%d} to {calls['at'].max():%Y-%m-%d} (UTC).",
        f"**{_failed / max(1, _known):.1%}** of the {_known} calls with a result failed (95 %: {_low:.1%} to {_high:.1%}).",
        f"No two of the {by.value}s can be told apart by how often calls fail."
        if not _pairs
        else f"By how often calls fail, {len(_pairs)} pairs of {by.value}s can be told apart; "
        f"**{_pairs[0][0][by.value]}** fails more often than **{_pairs[0][1][by.value]}**.",
        f"After a failed call the same tool was called again in **{_often} of {_again}** cases.",
    ]
    if _worst.height:
        _top = _worst.row(0, named=True)
        said.append(
            f"Of tools with {ENOUGH} calls or more, **{_top['tool']}** failed most often: {_top['part']} of {_top['calls']} "
            f"(95 %: {_top['low']:.0%} to {_top['high']:.0%})."
        )
    if _median.height:
        _slow = _median.sort("ms", descending=True).row(0, named=True)
        said.append(
            f"The slowest {by.value} at the median is **{_slow[by.value]}** with {_slow['ms'] / 1000:.0f} s "
            f"(95 %: {_slow['low'] / 1000:.0f} to {_slow['high'] / 1000:.0f} s); that holds the time that a person took to allow a call."
        )
    said.append(f"**{edits['part'].sum() / max(1, edits['calls'].sum()):.0%}** of all calls changed files.")
    conclusions = "\n".join(f"- {line}" for line in said)
    mo.md(conclusions)
    return (conclusions,)


@app.cell(hide_code=True)
def _(by, failures):
    _bar = alt.Chart(failures).encode(
        alt.Y(f"{by.value}:N", title=by.value, sort=failures[by.value].to_list())
    )
    _axis = alt.Axis(format="%")
    fails = (
        alt.layer(
            _bar.mark_rule(strokeWidth=2).encode(alt.X("low:Q", title="share of calls that failed (95 % interval)", axis=_axis), alt.X2("high:Q")),
            _bar.mark_point(size=90, filled=True, opacity=1).encode(
                alt.X("share:Q"), tooltip=[f"{by.value}:N", "part:Q", "calls:Q", "share:Q", "low:Q", "high:Q"]
            ),
            _bar.mark_text(align="left", dx=8).encode(alt.X("high:Q"), text=alt.Text("calls:Q", format="d")),
        )
        .properties(
            width=looks.WIDTH - 80, height=alt.Step(28),
            title=looks.titled(f"How often tool calls fail, by {by.value}", "Wilson intervals; the number is of calls with a result, the most first"),
        )
    )  # fmt: skip
    return (fails,)


@app.cell(hide_code=True)
def _(dark, fails):
    looks.styled(fails, dark=dark)
    return


@app.cell(hide_code=True)
def _(by, waits):
    _told = waits.with_columns(
        (pl.col("ms", "low", "high") / 1000).clip(0.1),
        (pl.lit("p") + (pl.col("quantile") * 100).cast(pl.Int64).cast(pl.String)).alias("percentile"),
    ).filter(pl.col("calls") >= ENOUGH)
    _base = alt.Chart(_told).encode(
        alt.Y(f"{by.value}:N", title=by.value, sort=_told[by.value].unique(maintain_order=True).to_list()),
        alt.Color("percentile:N", title="percentile"),
        alt.YOffset("percentile:N"),
    )
    _scale = alt.Scale(type="log", nice=False)
    latency = (
        alt.layer(
            _base.mark_rule(strokeWidth=2).encode(
                alt.X("low:Q", title="from the call to its result (seconds, log scale)", scale=_scale), alt.X2("high:Q")
            ),
            _base.mark_point(size=80, filled=True, opacity=1).encode(
                alt.X("ms:Q", scale=_scale), tooltip=[f"{by.value}:N", "percentile:N", "ms:Q", "low:Q", "high:Q", "calls:Q", "sessions:Q"]
            ),
        )
        .properties(
            width=looks.WIDTH - 80, height=alt.Step(18),
            title=looks.titled(f"How long calls take, by {by.value}", f"intervals: bootstrap over sessions; {ENOUGH} calls or more"),
        )
    )  # fmt: skip
    return (latency,)


@app.cell(hide_code=True)
def _(dark, latency):
    looks.styled(latency, dark=dark)
    return


@app.cell(hide_code=True)
def _(weekly):
    _base = alt.Chart(weekly).encode(
        alt.X(
            "week:T",
            title="week from Monday (UTC)",
            axis=alt.Axis(format="%d %b", values=weekly["week"].to_list()),
        )
    )
    _axis = alt.Axis(format="%")
    over_time = (
        alt.layer(
            _base.mark_area(opacity=0.25).encode(alt.Y("low:Q", title="share of calls that failed (95 % interval)", axis=_axis), alt.Y2("high:Q")),
            _base.mark_line(point=True).encode(alt.Y("share:Q"), tooltip=["week:T", "part:Q", "calls:Q", "share:Q"]),
        )
        .properties(width=looks.WIDTH, height=200, title=looks.titled("Failures over time", "by week; the band is Wilson's interval"))
    )  # fmt: skip
    return (over_time,)


@app.cell(hide_code=True)
def _(dark, over_time):
    looks.styled(over_time, dark=dark)
    return


@app.cell(hide_code=True)
def _(calls, dark, retried, tools):
    _edits = calls.group_by("tool").agg(pl.col("edit").first(), pl.col("retry").sum().alias("retries"))
    _rows = tools.join(_edits, on="tool", how="left", nulls_equal=True).head(15)
    _table = (
        GT(_rows.select("tool", "calls", "part", "share", "low", "high", "retries", "edit"))
        .tab_header(
            "Tools",
            f"the most called first; of {retried['calls'].sum()} failed calls {retried['part'].sum()} were tried again",
        )
        .cols_label(part="failed", share="share", low="from (95 %)", high="to (95 %)", edit="changes files")
        .fmt_percent(["share", "low", "high"], decimals=0)
        .sub_missing()
    )
    looks.table(_table, dark=dark)
    return


@app.cell(hide_code=True)
def _(fails, latency, over_time):
    pictures = {"failures": fails, "latency": latency, "over-time": over_time}
    return (pictures,)


if __name__ == "__main__":
    app.run()
