"""The result of a verification as one HTML page: no scripts, nothing from elsewhere."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from deploy_scripts.verify.chart import MOST_PANELS, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy_scripts.verify.chart import Series
    from deploy_scripts.verify.hop import HopResult, Verified


def page(verified: Verified) -> str:
    """Write the page."""
    hops = verified.hops
    verdict = "Nothing was verified"
    if hops:
        broken = f"Broken at: {hops[-1].title}"
        verdict = f"All of {len(hops)} hops are well" if verified.ok else broken
    return _TEMPLATE.format(
        stage=html.escape(verified.stage),
        verdict=html.escape(verdict),
        outcome=_mark(verified),
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        total=f"{sum(hop.milliseconds for hop in hops):,.0f}",
        rows="\n".join(_row(hop) for hop in hops),
        chart=_chart(verified.series, verified.devices),
    )


def _mark(result: HopResult | Verified) -> str:
    return "ok" if result.ok else "broken"


def _row(hop: HopResult) -> str:
    advice = f"<p><b>What to do:</b> {html.escape(hop.advice)}</p>" if hop.advice else ""
    advice += "".join(f"<p><b>Warning:</b> {html.escape(each)}</p>" for each in hop.warnings)
    return (
        f'<tr><td class="{_mark(hop)}">{_mark(hop)}</td><td>{html.escape(hop.title)}</td>'
        f"<td>{html.escape(hop.detail)}{advice}</td>"
        f'<td class="number">{hop.milliseconds:,.0f}</td></tr>'
    )


def _chart(series: Sequence[Series], devices: int) -> str:
    if not series:
        return "<p>No telemetry could be read.</p>"
    try:
        drawn = svg(series[:MOST_PANELS])
    except ValueError as error:
        return f"<p>The telemetry can't be drawn: {html.escape(str(error))}</p>"
    shown = []
    if len(series) > MOST_PANELS:
        shown.append(f"the first {MOST_PANELS} of {len(series):,} properties")
    if devices > MOST_PANELS:
        shown.append(f"the first {MOST_PANELS} of {devices:,} devices")
    return f"<p>Shown: {' of '.join(shown)}.</p>\n{drawn}" if shown else drawn


_TEMPLATE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Stage {stage}: {verdict}</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; }}
  td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left;
            vertical-align: top; }}
  td:nth-child(3) {{ overflow-wrap: anywhere; white-space: pre-line; }}
  td p {{ margin: .3rem 0 0; }}
  .ok {{ color: #176f2c; }}
  .broken {{ color: #b3261e; font-weight: 600; }}
  .number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
  svg {{ max-width: 100%; height: auto; }}
</style>
</head>
<body>
<h1>Stage {stage}</h1>
<p class="{outcome}">{verdict}</p>
<p>{when}, {total} ms</p>
<table>
<thead><tr><th></th><th>hop</th><th>found</th><th class="number">ms</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>Telemetry of the last hour</h2>
{chart}
</body>
</html>
"""
