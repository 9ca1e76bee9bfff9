"""What agents used and cost, day by day: by model, project and source, from the cache or not, and where the month is going."""

import marimo

app = marimo.App(width="medium", app_title="Daily usage")

with app.setup:
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    import altair as alt
    import marimo as mo
    import polars as pl
    from great_tables import GT

    from analytics import charts as looks
    from analytics import zones
    from analytics.reports import exported, projection
    from service.looking import live, picking

    LONGEST_DAYS = 366


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Daily usage

    What agents used and what it cost, by day. Every figure is defined in `docs/metrics.md` and is the one that the API gives.
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
    span = mo.ui.slider(7, LONGEST_DAYS, value=42, label="days", show_value=True)
    tz = mo.ui.text(value="UTC", label="time zone (IANA)")
    by = mo.ui.dropdown(["model", "project", "source"], value="model", label="cut by")
    mo.hstack([span, tz, by], justify="start", wrap=True)
    return by, span, tz


@app.cell(hide_code=True)
def _():
    changes, tell = mo.state(0)
    return changes, tell


@app.cell(hide_code=True)
def _(place, tell):
    followed = live.watch(place, tell)
    return (followed,)


@app.cell(hide_code=True)
def _(changes, place, span, tz):
    changes()  # reads again when the service has something new
    mo.stop(
        not zones.known(tz.value),
        mo.md(f"**There is no time zone `{tz.value}`**: give a name of IANA's, such as `Europe/Berlin`."),
    )
    today = datetime.now(ZoneInfo(tz.value)).date()
    first = today - timedelta(days=span.value - 1)
    known = place.days(first=min(first, today - timedelta(days=90)), last=today, tz=tz.value)
    days = known.filter(pl.col("day") >= first)
    hours = place.hours(first=first, last=today, tz=tz.value)
    return days, first, hours, known, today


@app.cell(hide_code=True)
def _(days, known, today):
    total = exported.summed(days).row(0, named=True)
    used, begun = exported.used(known), exported.first_used(known)
    rate = projection.burn_rate(used, today=today, first_day=begun)
    month = projection.projection(used, today=today, first_day=begun)
    figures = {
        **total,
        "activeDays": days.filter(pl.col("messages") > 0)["day"].n_unique(),
        "costUsdPerDay": rate and rate.cost_nano / rate.days / 1e9,
        "tokensPerDay": rate and rate.tokens / rate.days,
        "projectedUsd": month and month.cost_nano / 1e9,
    }
    return figures, month, rate, used


@app.cell(hide_code=True)
def _(by, days, figures, first, followed, month, place, today, tz):
    ranked = exported.summed(days.drop_nulls(by.value), [by.value])
    top = ranked.row(0, named=True) if ranked.height else None
    said = [
        f"Read from **{place.name}**, {first} to {today}, days of {tz.value}.",
        f"**{figures['costUsd']:,.2f} US dollars** and **{figures['totalTokens'] / 1e6:,.2f} million tokens** "
        f"on {figures['activeDays']} days with a message{'; it is read again when that changes' if followed else ''}.",
    ]
    if top and figures["costUsd"]:
        share = top["costUsd"] / figures["costUsd"]
        said.append(f"The costliest {by.value} is **{top[by.value]}** with {share:.0%} of the cost.")
    if figures["cacheHitShare"] is not None:
        said.append(f"The cache gave **{figures['cacheHitShare']:.0%}** of what models were given to read.")
    if figures["unpricedMessages"]:
        said.append(f"{figures['unpricedMessages']} messages have no known price: the cost leaves them out.")
    if month:
        said.append(
            f"At the rate of the last {month.basis_days} complete days ({figures['costUsdPerDay']:.3f} US dollars a day) this month comes to "
            f"about **{month.cost_nano / 1e9:,.2f}** US dollars ({month.cost_nano_low / 1e9:,.2f} to {month.cost_nano_high / 1e9:,.2f}): an estimate."
        )
    conclusions = "\n".join(f"- {line}" for line in said)
    mo.md(conclusions)
    return conclusions, ranked


@app.cell(hide_code=True)
def _(by, days, tz):
    _cut = exported.by_day(days.drop_nulls(by.value), [by.value])
    cost = (
        alt.Chart(
            _cut,
            title=looks.titled("Cost by day", f"US dollars, of what has a known price; days of {tz.value}"),
        )
        .mark_bar()
        .encode(
            alt.X("day:T", title=f"day ({tz.value})"),
            alt.Y("costUsd:Q", title="cost (US dollars)"),
            alt.Color(f"{by.value}:N", title=by.value),
            tooltip=["day:T", f"{by.value}:N", "costUsd:Q", "totalTokens:Q", "messages:Q"],
        )
        .properties(width=looks.WIDTH, height=240)
    )
    return (cost,)


@app.cell(hide_code=True)
def _(cost, dark):
    looks.styled(cost, dark=dark)
    return


@app.cell(hide_code=True)
def _(days, tz):
    _kinds = {
        "inputTokens": "input, new",
        "cacheReadTokens": "input, from the cache",
        "cacheWriteTokens": "input, written to the cache",
        "outputTokens": "output",
    }
    _long = (
        exported.by_day(days)
        .select("day", *_kinds)
        .unpivot(index="day", variable_name="kind", value_name="tokens")
    )
    tokens = (
        alt.Chart(
            _long.with_columns(pl.col("kind").replace_strict(_kinds)),
            title=looks.titled("Tokens by day", f"four kinds that do not overlap; days of {tz.value}"),
        )
        .mark_bar()
        .encode(
            alt.X("day:T", title=f"day ({tz.value})"),
            alt.Y("tokens:Q", title="tokens", axis=alt.Axis(format="~s")),
            alt.Color("kind:N", title="kind", sort=list(_kinds.values())),
            tooltip=["day:T", "kind:N", "tokens:Q"],
        )
        .properties(width=looks.WIDTH, height=220)
    )
    return (tokens,)


@app.cell(hide_code=True)
def _(dark, tokens):
    looks.styled(tokens, dark=dark)
    return


@app.cell(hide_code=True)
def _(days):
    _shares = exported.summed(days.drop_nulls("model"), ["model"]).drop_nulls("cacheHitShare")
    cache = (
        alt.Chart(_shares, title=looks.titled("What the cache gave", "share of the tokens that a model was given to read, over the whole range"))
        .mark_bar()
        .encode(
            alt.X("cacheHitShare:Q", title="share read from the cache", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            alt.Y("model:N", title="model", sort="-x"),
            tooltip=["model:N", alt.Tooltip("cacheHitShare:Q", format=".1%"), "totalTokens:Q"],
        )
        .properties(width=looks.WIDTH - 60, height=alt.Step(24))
    )  # fmt: skip
    return (cache,)


@app.cell(hide_code=True)
def _(cache, dark):
    looks.styled(cache, dark=dark)
    return


@app.cell(hide_code=True)
def _(month, rate, today, tz, used):
    mo.stop(
        month is None, mo.md("There is no complete day yet, and so no rate and no estimate of the month.")
    )
    _daily = rate.cost_nano / rate.days / 1e9
    _days = [month.month + timedelta(days=n) for n in range((today - month.month).days + 1)]
    _sums = pl.DataFrame(
        {"day": _days, "cost": [used[day].cost_nano / 1e9 if day in used else 0.0 for day in _days]}
    )
    _so_far = _sums.with_columns(pl.col("cost").cum_sum())
    _end = (month.month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    _now, _low, _high = _so_far["cost"][-1], month.cost_nano_low / 1e9, month.cost_nano_high / 1e9
    _ahead = pl.DataFrame(
        {
            "day": [today, _end],
            "cost": [_now, month.cost_nano / 1e9],
            "low": [_now, _low],
            "high": [_now, _high],
        }
    )
    _axis = alt.X("day:T", title=f"day ({tz.value})")
    outlook = (
        alt.layer(
            alt.Chart(_ahead).mark_area(opacity=0.25).encode(_axis, alt.Y("low:Q", title="cost of the month so far (US dollars)"), alt.Y2("high:Q")),
            alt.Chart(_ahead).mark_line(strokeDash=[5, 4]).encode(_axis, alt.Y("cost:Q")),
            alt.Chart(_so_far).mark_line(interpolate="step-after", strokeWidth=2.5).encode(_axis, alt.Y("cost:Q")),
        )
        .properties(
            width=looks.WIDTH, height=200,
            title=looks.titled(f"The month so far, and what it may come to ({_daily:.3f} US dollars a day)",
                               f"dashed: the mean of {month.basis_days} complete days; band: their cheapest and dearest; an estimate"),
        )
    )  # fmt: skip
    return (outlook,)


@app.cell(hide_code=True)
def _(dark, outlook):
    looks.styled(outlook, dark=dark)
    return


@app.cell(hide_code=True)
def _(hours, tz):
    mo.stop(
        hours is None,
        mo.md("A file of days has no hours: the heatmap needs a service, or a folder that a notebook wrote."),
    )
    _names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    _cells = hours.with_columns(
        pl.col("weekday").replace_strict(dict(enumerate(_names, 1)), return_dtype=pl.String).alias("on")
    )
    heat = (
        alt.Chart(
            _cells,
            title=looks.titled(
                "When agents work", f"messages in the range by weekday and hour; hours of {tz.value}"
            ),
        )
        .mark_rect()
        .encode(
            alt.X("hour:O", title=f"hour of the day ({tz.value})", axis=alt.Axis(labelAngle=0)),
            alt.Y("on:O", title="weekday", sort=_names),
            alt.Color("messages:Q", title="messages"),
            tooltip=["on:O", "hour:O", "messages:Q", "totalTokens:Q", "costUsd:Q"],
        )
        .properties(width=looks.WIDTH, height=alt.Step(24))
    )
    return (heat,)


@app.cell(hide_code=True)
def _(dark, heat):
    looks.styled(heat, dark=dark)
    return


@app.cell(hide_code=True)
def _(by, dark, ranked):
    _table = (
        GT(ranked.head(12).select(by.value, "costUsd", "totalTokens", "cacheHitShare", "messages", "unpricedMessages"))
        .tab_header(f"By {by.value}", "the costliest first")
        .cols_label(
            costUsd="cost (US dollars)", totalTokens="tokens", cacheHitShare="from the cache",
            unpricedMessages="without a price",
        )
        .fmt_number("costUsd", decimals=3)
        .fmt_integer(["totalTokens", "messages", "unpricedMessages"])
        .fmt_percent("cacheHitShare", decimals=0)
        .sub_missing()
    )  # fmt: skip
    looks.table(_table, dark=dark)
    return


@app.cell(hide_code=True)
def _(cache, cost, heat, outlook, tokens):
    pictures = {"cost": cost, "tokens": tokens, "cache": cache, "month": outlook, "heatmap": heat}
    return (pictures,)


if __name__ == "__main__":
    app.run()
