# SPDX-License-Identifier: Apache-2.0
"""The tables and verdicts that are printed."""

import os

# heading, figure, format; a figure that a contestant lacks is a dash
_RATIOS = (("× floor", "× floor-epoll", "{:.2f}"), ("× nginx", "× nginx", "{:.2f}"),
           ("× haproxy", "× haproxy", "{:.2f}"), ("× nghttpx", "× nghttpx", "{:.2f}"))
_COLUMNS = {
    "requests": (("CPU µs", "cpu_us", "{:.1f}"), ("user", "user_us", "{:.1f}"),
                 ("system", "system_us", "{:.1f}"), *_RATIOS, ("excess", "excess", "{:.2f}"),
                 ("added µs", "added", "{:+.2f}"),
                 ("req/s", "requests_per_second", "{:.0f}"), ("p50 µs", "p50_us", "{:.0f}"),
                 ("p99 µs", "p99_us", "{:.0f}"),
                 ("answer KiB", "answer_kib", "{:.1f}"), ("RSS MiB", "rss_mib", "{:.1f}"),
                 ("busy", "busy", "{:.0%}")),
    "transfer": (("CPU ms/GiB", "cpu_ms", "{:.0f}"), ("user", "user_ms", "{:.0f}"),
                 ("system", "system_ms", "{:.0f}"), *_RATIOS,
                 ("× unbuffered", "× nginx-unbuffered", "{:.2f}"),
                 ("MiB/s", "mib_per_second", "{:.0f}"), ("growth MiB", "growth_mib", "{:.1f}"),
                 ("RSS MiB", "rss_mib", "{:.1f}"), ("busy", "busy", "{:.0%}")),
    "allocations": (("mallocs/request", "allocations", "{:.3f}"),
                    ("requests", "requests", "{:.0f}")),
    "reload": (("reload ms", "reload_ms", "{:.1f}"), ("slowest ms", "slowest_ms", "{:.1f}"),
               ("stall ms", "stall_ms", "{:.2f}"), ("quiet", "quiet_ms", "{:.2f}"),
               ("beyond", "added_ms", "{:.2f}"), ("longest", "longest_ms", "{:.2f}"),
               ("p99 µs", "p99_us", "{:.0f}"), ("failed", "failed", "{:.0f}"),
               ("requests", "requests", "{:.0f}"), ("RSS MiB", "rss_mib", "{:.1f}")),
    "idle": (("bytes/connection", "bytes_per_connection", "{:.0f}"),
             ("before MiB", "before_mib", "{:.1f}"), ("RSS MiB", "rss_mib", "{:.1f}"),
             ("held", "held", "{:.0f}")),
    "slow-reader": (("p99 ms alone", "alone_p99_ms", "{:.1f}"), ("beside it", "p99_ms", "{:.1f}"),
                    ("×", "p99_ratio", "{:.2f}"), ("growth MiB", "growth_mib", "{:.1f}"),
                    ("RSS MiB", "rss_mib", "{:.1f}"), ("it got MiB", "slow_mib", "{:.1f}"),
                    ("requests", "requests", "{:.0f}")),
    "footprint": (("RSS MiB", "rss_mib", "{:.1f}"), ("own MiB", "own_mib", "{:.1f}")),
}
_WITH_SPREAD = {"× floor-epoll", "excess", "added", "stall_ms", "quiet_ms", "p99_ratio"}


def _cell(figures, figure, form):
    value = figures.get(figure)
    if value is None:
        return "-"
    text = form.format(value["median"])
    if figure in _WITH_SPREAD:
        text += f" ({form.format(value['q1'])}-{form.format(value['q3'])})"
    return text


def rows(kind, figures):
    """The headings, the cells of each valid contestant, and why the others have none."""
    columns = [column for column in _COLUMNS[kind]
               if any(own.get(column[1]) is not None for own in figures.values())]
    refusals = {name: "invalid: " + "; ".join(own["problems"])
                for name, own in figures.items() if "problems" in own}
    cells = {name: [_cell(own, figure, form) for _, figure, form in columns]
             for name, own in figures.items() if name not in refusals}
    return [heading for heading, _, _ in columns], cells, refusals


def table(kind, figures):
    """One line per contestant; of a refused one, why."""
    headings, cells, refusals = rows(kind, figures)
    lines = {"contestant": headings, **cells}
    name_width = max(map(len, [*lines, *refusals]))
    widths = [max(map(len, column)) for column in zip(*lines.values())]
    text = [[name.ljust(name_width), *(cell.rjust(width) for cell, width in zip(cells, widths))]
            for name, cells in lines.items()]
    text += [[name.ljust(name_width), why] for name, why in refusals.items()]
    return "\n".join("  " + "  ".join(line) for line in text)


def disturbance(runs_by_name):
    """The greatest share of a round in which a proxy waited for its core: others' work on it."""
    return max((run.get("waiting", 0.0) for runs in runs_by_name.values() for run in runs),
               default=0.0)


def verdict_line(verdict):
    word = "ok    " if verdict["passed"] else "MISSED"
    return (f"  {word} {verdict['scenario']}: {verdict['what']} {verdict['value']:.2f}"
            f" (must be at most {verdict['limit']:g})")


def write(path, text):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
