"""How charts look, in a light and in a dark theme, and as pictures. The one place that knows colours.

Rule: a chart says in its axes what is measured, in which unit and zone. Colours are Okabe and Ito's (2008), which people who see
few colours can tell apart; lines and text are as readable on white as on black paper.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B59F00", "#7F7F7F")
ON_DARK = ("#56B4E9", "#E69F00", "#2CC295", "#E09AC4", "#4C8DD6", "#F07B3F", "#F0E442", "#B0B0B0")
PAPER = {"light": "#ffffff", "dark": "#181c1a"}
INK = {"light": "#1f2623", "dark": "#e6ebe8"}
LINES = {"light": "#dfe4e1", "dark": "#363d3a"}
RAMP = {"light": ["#eef3f8", "#0072B2"], "dark": ["#232a30", "#7cc7f2"]}
WIDTH = 640
PIXELS_A_POINT = 1.25


def styled(chart: Any, *, dark: bool = False) -> Any:
    """The chart in a theme. Errors: none; a chart is changed in its copy."""
    theme = "dark" if dark else "light"
    ink, line = INK[theme], LINES[theme]
    return (
        chart.configure(background=PAPER[theme], padding=12)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink, titleColor=ink, gridColor=line, domainColor=line, tickColor=line,
            titleFontWeight="normal", labelLimit=220,
        )
        .configure_legend(
            labelColor=ink, titleColor=ink, titleFontWeight="normal", labelLimit=220,
            symbolBaseFillColor=ink, symbolBaseStrokeColor=ink,
        )
        .configure_mark(color=(ON_DARK if dark else COLOURS)[0])
        .configure_title(color=ink, subtitleColor=ink, anchor="start", fontSize=14, subtitleFontSize=11)
        .configure_header(labelColor=ink, titleColor=ink)
        .configure_range(category=list(ON_DARK if dark else COLOURS), ramp=RAMP[theme], heatmap=RAMP[theme])
        .configure_text(color=ink)
        .configure_rule(color=ink)
    )  # fmt: skip


def picture(chart: Any, file: Path, *, dark: bool = False) -> Path:
    """The chart as a PNG; needs neither a browser nor the network."""
    import vl_convert

    spec = styled(chart, dark=dark).to_json()
    file.write_bytes(vl_convert.vegalite_to_png(spec, scale=PIXELS_A_POINT))
    return file


def table(made: Any, *, dark: bool = False) -> Any:
    """A great-tables table in a theme."""
    theme = "dark" if dark else "light"
    return made.tab_options(
        table_background_color=PAPER[theme], table_font_color=INK[theme], table_font_size="13px",
        table_body_hlines_color=LINES[theme], table_border_top_color=LINES[theme],
        table_border_bottom_color=LINES[theme], column_labels_border_bottom_color=LINES[theme], data_row_padding="3px",
    )  # fmt: skip


def titled(text: str, below: str = "") -> alt.TitleParams:
    return alt.TitleParams(text, subtitle=below)
