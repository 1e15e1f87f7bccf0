# SPDX-License-Identifier: Apache-2.0
"""From runs to figures: medians with quartiles, and ratios taken inside each round, so that what
slows a whole round down (another guest of the machine, a change of clock) cancels out.

A contestant that had a problem in any run gets no figure at all, only its problems.
"""

from statistics import median, quantiles

COST = {"requests": "cpu_us", "allocations": "allocations", "transfer": "cpu_ms",
        "idle": "bytes_per_connection", "reload": "slowest_ms", "slow-reader": "p99_ratio",
        "footprint": "rss_mib"}
FLOOR = "floor-epoll"
REFERENCES = (FLOOR, "nginx", "haproxy", "nghttpx", "nginx-unbuffered")


def summary(values):
    """Median, quartiles and the greatest; None of nothing."""
    values = list(values)
    if not values:
        return None
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median(values), "q1": low, "q3": high, "max": max(values)}


def plain_name(name):
    """Of the contestant that `name` is a variant of: `nginx` of `nginx@tls`."""
    return name.partition("@")[0]


def _same_variant(other, name, valid):
    """The runs of `other` in the variant that `name` is; None where there are none."""
    return valid.get(other + name.removeprefix(plain_name(name)))


def _reference(other, name, valid):
    """What a cost is a multiple of. The floor has no variants where it is what they are held
    against."""
    return _same_variant(other, name, valid) or (valid.get(FLOOR) if other == FLOOR else None)


def problems(runs):
    return sorted({problem for run in runs for problem in run["problems"]})


def of_scenario(kind, runs_by_name, base=""):
    """The figures of every contestant that is valid; {"problems": [...]} for the others. The figure
    `added` is the difference to the cost of the same contestant without a variant, else to that of
    `base`."""
    valid = {name: runs for name, runs in runs_by_name.items() if not problems(runs)}
    cost = COST[kind]
    result = {}
    for name, runs in runs_by_name.items():
        if name not in valid:
            result[name] = {"problems": problems(runs)}
            continue
        figures = {key: summary(run[key] for run in runs)
                   for key in runs[0] if key != "problems"}
        for other in REFERENCES:
            if others := _reference(other, name, valid):
                figures["× " + other] = _ratio(runs, others, cost)
        plain = plain_name(name)
        if low := valid.get(plain if plain != name and plain in runs_by_name else base):
            figures["added"] = summary(run[cost] - other[cost] for run, other in zip(runs, low))
        floor, nginx = (_same_variant(other, name, valid) for other in (FLOOR, "nginx"))
        if floor and nginx:
            figures["excess"] = _excess(runs, floor, nginx, cost)
        result[name] = figures
    return result


def _ratio(runs, others, key):
    return summary(run[key] / other[key] for run, other in zip(runs, others) if other[key] > 0)


def _excess(runs, floor, nginx, key):
    """(ours - floor) / (nginx - floor), over the rounds in which nginx cost more than the floor."""
    return summary((run[key] - low[key]) / (high[key] - low[key])
                   for run, low, high in zip(runs, floor, nginx) if high[key] > low[key])
