"""Writes docs/notebooks/*.png: each notebook's charts of the bundled sample, in a light and in a dark theme.

`make pictures`. Look at them before you commit them: times of the sample are counted back from now, so every run differs.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "notebooks"
COLOURS = 96
"""Of a picture: charts have few, and files of a tenth of the size look the same."""
NAMES = ("daily_usage", "search_quality", "session_explorer", "agent_behaviour", "eval_builder")


def main() -> None:
    from PIL import Image

    from analytics import charts
    from service.looking import picking

    TARGET.mkdir(exist_ok=True)
    place = picking.opened({"where": picking.SAMPLE}, searched=True)
    for name in NAMES:
        for chart, drawn in pictures(name, place).items():
            for theme in ("light", "dark"):
                file = charts.picture(drawn, TARGET / f"{name}-{chart}-{theme}.png", dark=theme == "dark")
                Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)
                print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


def pictures(name: str, place: Any) -> dict[str, Any]:
    """The charts that a notebook draws of a place."""
    app = runpy.run_path(str(ROOT / "notebooks" / f"{name}.py"))["app"]
    _, made = app.run(defs={"place": place})
    drawn: dict[str, Any] = made["pictures"]
    return drawn


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
