# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page that needs nothing else: plots, tables, machine, configurations."""

import re
from html import escape

from . import figures, plots, report

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c1e21; --quiet: #5f6670; --grid: #dfe3e8;
  --c0: #1f6fd0; --c1: #c2410c; --c2: #15803d; --c3: #9333ea; --c4: #a16207; --c5: #be185d;
  --c6: #0f766e; --c7: #475569; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e8ea; --quiet: #a3abb5;
  --grid: #343a41; --c0: #6cb0ff; --c1: #fb923c; --c2: #4ade80; --c3: #c4a1ff; --c4: #facc15;
  --c5: #f78fc0; --c6: #2dd4bf; --c7: #a8b3c2; --bad: #ff8a80; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } .quiet { color: var(--quiet); } .bad { color: var(--bad); }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, .words td { text-align: left; } .words td { white-space: normal;
  overflow-wrap: anywhere; }
pre { overflow-x: auto; font-size: 12px; } svg { width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--text); } .grid { stroke: var(--grid); } .whisker { stroke: var(--text);
  stroke-width: 2; } .line { fill: none; stroke-width: 2; }
""" + "".join(f".line.c{i} {{ stroke: var(--c{i}); }} .dot.c{i} {{ fill: var(--c{i}); }}\n"
              for i in range(plots.COLOURS))

_PERCENTILE = re.compile(r"p(\d+(?:_\d+)?)_us")
_LAYERS = re.compile(r"gateway\+(\d+)")


def _valid(result):
    return {name: own for name, own in result["figures"].items() if "problems" not in own}


def _cost_bars(title, result, unit):
    cost = figures.COST[result["kind"]]
    rows = [(name, (own[cost]["q1"], own[cost]["median"], own[cost]["q3"]))
            for name, own in _valid(result).items() if own.get(cost)]
    return plots.bars(title, rows, unit)


def _layers(result):
    """CPU by the number of middlewares. The gateway without any is another executable."""
    found = [(int(match.group(1)), own["cpu_us"]["median"]) for name, own in _valid(result).items()
             if (match := _LAYERS.fullmatch(name))]
    return plots.lines("CPU per request by middlewares", [("gateway", sorted(found))],
                       "middlewares", "CPU per request in µs",
                       x_labels={count: str(count) for count, _ in found})


def spectrum(own):
    """(1 / share of slower requests, microseconds) of each percentile that there is."""
    found = []
    for key, value in own.items():
        if (match := _PERCENTILE.fullmatch(key)) and value["median"] > 0:
            percentile = float(match.group(1).replace("_", "."))
            found.append((round(100 / (100 - percentile), 6), value["median"]))
    return sorted(found)


def _spectrum_plot(result):
    series = [(name, spectrum(own)) for name, own in _valid(result).items()]
    labels = {1 / (1 - share): text for share, text in
              ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"),
               (0.9999, "99.99 %"))}
    return plots.lines("Percentiles of latency", series, "share of requests that are faster",
                       "latency in µs", log_x=True, log_y=True, x_labels=labels)


def _throughput_plot(result):
    series = {}
    for name, own in _valid(result).items():
        series.setdefault(name.partition("@")[0], []).append(
            (own["connections"]["median"], own["requests_per_second"]["median"],
             own["p99_us"]["median"]))
    return plots.lines("Latency and throughput",
                       [(name, [(rate, latency) for _, rate, latency in sorted(points)])
                        for name, points in series.items()],
                       "requests per second (each dot: one number of connections)",
                       "99th percentile of latency in µs", log_y=True)


_COST_UNITS = {"requests": "CPU per request in µs", "transfer": "CPU per GiB in ms",
               "idle": "bytes per connection", "allocations": "calls of malloc per request",
               "reload": "slowest reload in ms", "slow-reader": "p99 × that without a slow reader",
               "footprint": "resident MiB"}


def _plots(name, result):
    if name == "connections":
        return [_throughput_plot(result)]
    found = [_cost_bars(name, result, _COST_UNITS[result["kind"]])]
    if name == "layers":
        found.append(_layers(result))
    if name == "plain":
        found.append(_spectrum_plot(result))
    return found


def _table(headings, rows, words=False):
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                   for row in rows)
    return f'<table{" class=words" if words else ""}><tr>{head}</tr>{body}</table>'


def _scenario(name, result):
    headings, rows, refusals = report.rows(result["kind"], result["figures"])
    parts = [f"<h2>{escape(name)}</h2><p>{escape(result['title'])}</p>", *_plots(name, result)]
    parts.append(_table(["contestant", *headings], [[who, *cells] for who, cells in rows.items()]))
    parts += [f'<p class="bad">{escape(who)}: {escape(why)}</p>' for who, why in refusals.items()]
    settings = ", ".join(f"{key} {value}" for key, value in result["settings"].items())
    parts.append(f'<p class="quiet">{escape(settings)}</p>')
    return "".join(parts)


def _environment(environment):
    rows = []
    for key, value in environment.items():
        if key == "contestants":
            continue
        if isinstance(value, dict):
            rows += [(f"{key}: {inner}", text) for inner, text in value.items()]
        else:
            rows.append((key, value))
    return _table(["", ""], rows, words=True)


def _contestants(contestants):
    rows = [(name, " ".join([one["program"], *one["arguments"]]), one["sha256"])
            for name, one in contestants.items()]
    configs = "".join(f"<details><summary>{escape(name)}</summary><pre>{escape(one['config'])}"
                      "</pre></details>" for name, one in contestants.items() if one["config"])
    commands = _table(["contestant", "command", "SHA-256 with configuration"], rows, words=True)
    return commands + configs


def _verdicts(verdicts):
    if not verdicts:
        return ""
    rows = [(one["scenario"], one["what"], f"{one['value']:.2f}", f"{one['limit']:g}",
             "ok" if one["passed"] else "MISSED") for one in verdicts]
    return "<h2>What the design demands</h2>" + _table(
        ["scenario", "figure", "value", "at most", ""], rows)


def render(content):
    """The whole page from what is written as JSON."""
    environment = content["environment"]
    where = f"{environment['cpu']}, Linux {environment['kernel']}, {environment['time']}"
    micro = "".join(f"<h3>{escape(name)}</h3><pre>{escape(chr(10).join(one['lines']))}</pre>"
                    for name, one in content["micro"].items())
    return "".join((
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>gatewaykit: benchmarks</title><style>{_STYLE}</style>",
        f'<h1>Benchmarks</h1><p class="quiet">{escape(where)}</p>',
        f"<pre>{escape(environment['command'])}</pre>",
        "<p>Bars are medians of paired rounds, whiskers their quartiles. Latencies are wrk's, of a "
        "closed loop.</p>",
        *(_scenario(name, result) for name, result in content["scenarios"].items()),
        f"<h2>micro</h2>{micro}" if micro else "",
        _verdicts(content["verdicts"]),
        "<h2>Machine and build</h2>", _environment(environment),
        "<h2>Contestants</h2>", _contestants(environment["contestants"]), "</html>\n"))
