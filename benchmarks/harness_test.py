#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The parts of the harness that only compute: figures, comparisons, checks, configurations, plots,
the page."""

import collections
import contextlib
import copy
import io
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree as xml

from harness import (checks, compare, figures, load, machine, page, plots, reloads, routes,
                     scenarios, slow_reader)


def summary(median, spread=0.0):
    return {"median": median, "q1": median - spread, "q3": median + spread, "max": median + spread}


def request_figures(cost, spread=0.1):
    return {"cpu_us": summary(cost, spread), "requests_per_second": summary(1e6 / cost, 10),
            "p50_us": summary(100), "p99_us": summary(900), "p99_9_us": summary(2000)}


def run_file(cost=10.0, spread=0.1, **environment):
    return {
        "environment": {"host": "a", "kernel": "6.1", "cpu": "x", "cpus": 2, "proxy_cpus": [1],
                        "load_cpus": [0], "time": "now", "command": "./benchmarks/run",
                        "versions": {"nginx": "1.22"}, "build": {"type": "Release"},
                        "contestants": {name: {"group": group, "program": name, "arguments": [],
                                               "config": "", "sha256": "0"}
                                        for name, group in (("gateway", "gateway"),
                                                            ("nginx", "peers"))},
                        **environment},
        "scenarios": {"plain": {"title": "a proxy", "kind": "requests",
                                "settings": {"rounds": 9},
                                "figures": {"gateway": request_figures(cost, spread),
                                            "nginx": request_figures(15.0)}}},
        "micro": {}, "verdicts": []}


class NamesAskedFor(dict):
    """Figures of whoever is asked for, all of them 1."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __missing__(self, name):
        self.names.append(name)
        return collections.defaultdict(lambda: summary(1))


class Figures(unittest.TestCase):
    def test_ratios_are_taken_inside_each_round(self):
        runs = {"floor-epoll": [{"cpu_us": 10, "problems": []}, {"cpu_us": 20, "problems": []}],
                "gateway": [{"cpu_us": 11, "problems": []}, {"cpu_us": 22, "problems": []}]}
        own = figures.of_scenario("requests", runs, base="floor-epoll")["gateway"]
        self.assertAlmostEqual(own["× floor-epoll"]["q1"], 1.1)
        self.assertAlmostEqual(own["× floor-epoll"]["q3"], 1.1)
        self.assertEqual(own["added"]["median"], 1.5)

    def test_one_problem_costs_a_contestant_all_its_figures(self):
        runs = {"gateway": [{"cpu_us": 1, "problems": []}, {"cpu_us": 1, "problems": ["late"]}]}
        self.assertEqual(figures.of_scenario("requests", runs), {"gateway": {"problems": ["late"]}})

    def test_a_variant_is_held_against_the_same_variant_and_against_none(self):
        runs = {name: [{"cpu_us": cost, "problems": []}] for name, cost in
                {"nginx": 10, "nginx@tls": 16, "gateway": 8, "gateway@tls": 12}.items()}
        own = figures.of_scenario("requests", runs)
        self.assertEqual(own["gateway@tls"]["× nginx"]["median"], 0.75)
        self.assertEqual(own["gateway@tls"]["added"]["median"], 4)
        self.assertNotIn("added", own["gateway"])
        verdict, = checks.verdicts({"tls": own})
        self.assertEqual((verdict["value"], verdict["passed"]), (4 / 6, True))

    def test_a_variant_is_never_held_against_another_one(self):
        runs = {"nginx": [{"cpu_us": 9, "problems": []}],
                "nginx@h2": [{"cpu_us": 10, "problems": ["late"]}],
                "gateway@h2": [{"cpu_us": 5, "problems": []}]}
        self.assertNotIn("× nginx", figures.of_scenario("requests", runs)["gateway@h2"])

    def test_the_floor_has_no_variants(self):
        runs = {"floor-epoll": [{"cpu_us": 10, "problems": []}],
                "nginx@h2": [{"cpu_us": 20, "problems": []}],
                "gateway@h2": [{"cpu_us": 5, "problems": []}]}
        own = figures.of_scenario("requests", runs)["gateway@h2"]
        self.assertEqual(own["× floor-epoll"]["median"], 0.5)
        self.assertNotIn("excess", own)

    def test_one_failed_request_in_any_round_misses_the_must(self):
        own = {"failed": figures.summary([0, 0, 1])}
        missed = [verdict["what"] for verdict in checks.verdicts({"reload": {"gateway-1000": own}})
                  if not verdict["passed"]]
        self.assertEqual(missed, ["failed requests"])


class Reloads(unittest.TestCase):
    def test_the_longest_wait_is_that_of_requests_under_way(self):
        samples = [(0, 900), (500, 100), (990, 20), (1500, 700)]
        self.assertEqual(reloads.longest_waits(samples, [(800, 1000), (1400, 1450), (1600, 1601)]),
                         [900, 700])

    def test_a_stall_at_each_reload_stands_out(self):
        quiet = [(time, 100) for time in range(0, 100_000, 500)]
        spans = [(10_000, 12_000), (50_000, 52_000), (80_000, 84_000)]
        loaded = [(time, 3100 if any(begin <= time < end for begin, end in spans) else 100)
                  for time in range(0, 100_000, 500)]
        found = reloads.figures(quiet, loaded, spans)
        self.assertEqual((found["added_ms"], found["reload_ms"], found["slowest_ms"]),
                         (3.0, 2.0, 4.0))

    def test_a_single_late_request_is_no_stall_of_reloads(self):
        quiet = [(time, 100) for time in range(0, 100_000, 500)]
        loaded = [*quiet, (50_100, 9000)]
        spans = [(10_000, 12_000), (50_000, 52_000), (80_000, 84_000)]
        found = reloads.figures(quiet, loaded, spans)
        self.assertEqual((found["added_ms"], found["longest_ms"]), (0.0, 9.0))


class H2Load(unittest.TestCase):
    REPORT = (
        "finished in 2.00s, 244640.00 req/s, 46.20MB/s\n"
        "requests: 489280 total, 489440 started, 489280 done, 489280 succeeded, {} failed, "
        "0 errored, 0 timeout\n"
        "status codes: 489280 2xx, 0 3xx, 0 4xx, 0 5xx\n"
        "traffic: 46.20MB (48439104) total, 12.13MB (12721280) headers (space savings 36.59%)\n")

    def test_the_report_is_read(self):
        seen = load.h2load_report(self.REPORT.format(0), [500, 100, 300])
        self.assertEqual((seen["requests"], seen["duration_us"], seen["bytes"], seen["p50_us"]),
                         (489280, 2e6, 48439104, 300))
        self.assertEqual(seen["problems"], [])

    def test_failed_requests_are_a_problem(self):
        self.assertEqual(load.h2load_report(self.REPORT.format(7), [1])["problems"], ["7 failed"])

    def test_no_report_is_a_problem(self):
        for text in ("", "Could not connect to the host", self.REPORT[:80]):
            with self.subTest(text):
                self.assertEqual(len(load.h2load_report(text, [])["problems"]), 1)

    def test_percentiles_are_of_all_requests(self):
        found = load.percentiles(range(1000, -1, -1))
        self.assertEqual((found["p50_us"], found["p99_us"], found["p99_9_us"]), (500, 990, 999))
        self.assertEqual(load.percentiles([]), {})


class SlowReader(unittest.TestCase):
    def test_growth_and_wait_are_those_beside_it(self):
        alone, beside = ({"p99_us": p99, "requests": 10} for p99 in (2000, 3000))
        found = slow_reader.figures(alone, beside, 20 * 1024, 52 * 1024)
        self.assertEqual((found["p99_ratio"], found["growth_mib"], found["requests"]),
                         (1.5, 32, 20))

    def test_growth_in_any_round_misses_the_must(self):
        own = {"p99_ratio": figures.summary([1, 1, 9]), "growth_mib": figures.summary([0, 0, 65])}
        missed = [verdict["what"] for verdict
                  in checks.verdicts({"slow-reader": {"gateway@h2-queued": own}})
                  if not verdict["passed"]]
        self.assertEqual(missed, ["growth in MiB"])


class Contestants(unittest.TestCase):
    EVERYBODY = {one.name: one for scenario in scenarios.ALL for one in scenario.contestants}

    def rendered(self, name):
        return self.EVERYBODY[name].config("127.0.0.1:1", "127.0.0.1:2", "/lab/" + name)

    def test_one_name_is_one_contestant(self):
        for scenario in scenarios.ALL:
            for one in scenario.contestants:
                self.assertIs(one, self.EVERYBODY[one.name])

    def test_the_smoke_names_contestants_that_there_are(self):
        for scenario in scenarios.ALL:
            self.assertLessEqual(set(scenario.quick), {one.name for one in scenario.contestants})

    def test_the_checks_name_contestants_that_there_are(self):
        contestants = {scenario.name: scenario.contestants for scenario in scenarios.ALL}
        for check in checks.MUSTS:
            figures_asked_for = NamesAskedFor()
            self.assertIsNotNone(check.apply(figures_asked_for))
            names = tuple(one.name for one in contestants[check.scenario])
            for name in figures_asked_for.names:
                self.assertTrue(name.startswith(names), f"{check.scenario}: {name}")

    def test_tls_has_the_certificate_of_the_lab(self):
        listener = json.loads(self.rendered("gateway@tls"))["listen"]
        self.assertEqual(listener["tls"]["certificate"], "/lab/p256.pem")
        self.assertIn("ssl_certificate /lab/p256.pem;", self.rendered("nginx@tls"))
        self.assertIn("ssl crt /lab/p256.pem", self.rendered("haproxy@tls"))
        for name in ("nginx", "haproxy", "nginx@h2"):
            self.assertNotIn("pem", self.rendered(name))

    def test_gateway_and_nginx_compress_at_the_same_level(self):
        options, = json.loads(self.rendered("gateway@gzip"))["middleware"]
        self.assertIn(f"gzip_comp_level {options['compression']['gzipLevel']};",
                      self.rendered("nginx@gzip"))


class Routes(unittest.TestCase):
    def test_all_three_kinds_have_paths_that_match_them(self):
        text = json.loads(routes.config("127.0.0.1:0", "127.0.0.1:9", 3, 7))
        patterns = [route["path"] for route in text["routes"]]
        self.assertEqual(patterns[1:], ["/page/0/items/list", "/page/1/users/{id}/orders",
                                        "/page/2/files/*"])
        self.assertEqual([routes.path(number) for number in range(3)],
                         ["/page/0/items/list", "/page/1/users/42/orders", "/page/2/files/a/b.txt"])
        self.assertEqual(text["routes"][0]["respond"]["body"], "7")


class Machine(unittest.TestCase):
    def test_the_cache_tells_the_build(self):
        found = machine.build_of_cache(
            "// Help.\nCMAKE_BUILD_TYPE:STRING=Release\nCMAKE_CXX_FLAGS:STRING=-g\n"
            "CMAKE_CXX_FLAGS_RELEASE:STRING=-O3\nGATEWAYKIT_SANITIZE:STRING=\n"
            "CMAKE_CXX_COMPILER:FILEPATH=/nowhere/c++\n")
        self.assertEqual((found["type"], found["flags"]), ("Release", "-g -O3"))
        self.assertEqual(machine.build_problems(found), [])

    def test_debug_sanitizers_and_unknown_builds_are_refused(self):
        good = {"type": "Release", "flags": "", "sanitizers": ""}
        for change in ({"type": "Debug"}, {"type": ""}, {"sanitizers": "address"},
                       {"flags": "-fsanitize=thread"}):
            with self.subTest(change):
                self.assertEqual(len(machine.build_problems({**good, **change})), 1)
        self.assertEqual(len(machine.build_problems(None)), 1)

    def test_waiting_for_a_disk_is_not_busy(self):
        share = machine.busy_share("cpu 0 0 0 0 0 0 0 0 0 0", "cpu 10 0 10 70 10 0 0 0 0 0")
        self.assertAlmostEqual(share, 0.2)


class Compare(unittest.TestCase):
    def run_compare(self, a, b, *flags):
        with tempfile.TemporaryDirectory() as folder:
            names = [os.path.join(folder, name) for name in ("a.json", "b.json")]
            for name, content in zip(names, (a, b)):
                with open(name, "w", encoding="utf-8") as file:
                    json.dump(content, file)
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = compare.main([*names, *flags])
        return status, out.getvalue(), err.getvalue()

    def change_of(self, a, b):
        return next(change for change in compare.changes(a, b)
                    if (change["contestant"], change["figure"]) == ("gateway", "cpu_us"))

    def test_a_change_inside_the_spread_is_noise(self):
        change = self.change_of(run_file(10, 1), run_file(11.5, 1))
        self.assertFalse(change["beyond_noise"])
        self.assertAlmostEqual(change["percent"], 15)

    def test_a_change_beyond_the_spread_counts(self):
        self.assertTrue(self.change_of(run_file(10), run_file(11))["beyond_noise"])

    def test_worse_than_allowed_fails(self):
        self.assertEqual(self.run_compare(run_file(10), run_file(12), "--fail-above", "15")[0], 1)

    def test_not_worse_than_allowed_passes(self):
        for cost, flags in ((11, ["--fail-above", "15"]), (8, ["--fail-above", "15"]), (12, [])):
            with self.subTest(cost=cost, flags=flags):
                self.assertEqual(self.run_compare(run_file(10), run_file(cost), *flags)[0], 0)

    def test_a_rate_is_better_when_higher(self):
        a, b = run_file(), run_file()
        b["scenarios"]["plain"]["figures"]["gateway"]["requests_per_second"] = summary(5e4, 10)
        self.assertEqual(self.run_compare(a, b, "--fail-above", "15")[0], 1)
        self.assertEqual(self.run_compare(b, a, "--fail-above", "15")[0], 0)

    def test_a_first_failure_is_worse_by_any_measure(self):
        a, b = run_file(), run_file()
        a["scenarios"]["plain"]["figures"]["gateway"]["failed"] = summary(0)
        b["scenarios"]["plain"]["figures"]["gateway"]["failed"] = summary(1)
        self.assertEqual(self.run_compare(a, b, "--fail-above", "1000")[0], 1)

    def test_a_peer_that_got_worse_does_not_fail(self):
        a, b = run_file(), run_file()
        b["scenarios"]["plain"]["figures"]["nginx"] = request_figures(30)
        self.assertEqual(self.run_compare(a, b, "--fail-above", "15")[0], 0)

    def test_a_contestant_that_became_invalid_fails(self):
        a, b = run_file(), run_file()
        b["scenarios"]["plain"]["figures"]["gateway"] = {"problems": ["timeouts"]}
        self.assertEqual(self.run_compare(a, b, "--fail-above", "15")[0], 1)

    def test_other_machines_and_settings_are_named_and_refused(self):
        settings = run_file()
        settings["scenarios"]["plain"]["settings"]["rounds"] = 3
        config = run_file()
        config["environment"]["contestants"]["nginx"]["sha256"] = "1"
        others = {"kernel": run_file(kernel="6.2"), "host": run_file(host="b"),
                  "rounds": settings, "nginx": config}
        for word, other in others.items():
            with self.subTest(word):
                status, _, err = self.run_compare(run_file(), other)
                self.assertEqual(status, 2)
                self.assertIn(word, err)
                self.assertEqual(self.run_compare(run_file(), other, "--force")[0], 0)

    def test_another_build_is_told(self):
        status, out, _ = self.run_compare(run_file(), run_file(build={"type": "Debug"}))
        self.assertEqual(status, 0)
        self.assertIn("note: type: Release against Debug", out)

    def test_what_is_no_run_is_refused(self):
        self.assertEqual(self.run_compare(run_file(), [])[0], 2)
        self.assertEqual(self.run_compare({}, run_file())[0], 2)


class Plots(unittest.TestCase):
    def test_ticks_are_round_and_cover_the_values(self):
        self.assertEqual(plots.ticks(0, 9.3), [0, 2, 4, 6, 8, 10])
        self.assertEqual(plots.log_ticks(30, 2000), [10, 100, 1000, 10000])
        for low, high in ((0, 0), (5, 5), (0, 1e-6), (-3, 8e9)):
            found = plots.ticks(low, high)
            self.assertTrue(found[0] <= low and found[-1] >= high, (low, high, found))
            self.assertLessEqual(len(found), 8)

    def test_points_lie_inside_the_frame(self):
        text = plots.lines("t", [("one", [(1, 5), (10, 700), (100, 90)])], "x", "y", log_x=True,
                           log_y=True)
        for circle in xml.fromstring(text).iter("circle"):
            self.assertTrue(plots.LEFT <= float(circle.get("cx")) <= plots.WIDTH - plots.RIGHT)
            self.assertTrue(plots.TOP <= float(circle.get("cy")) <= plots.HEIGHT - plots.BOTTOM)

    def test_a_bar_is_as_long_as_its_share(self):
        bars = xml.fromstring(plots.bars("t", [("a", (5, 5, 5)), ("b", (10, 10, 10))], "x"))
        lengths = [float(bar.get("width")) for bar in bars.iter("rect")]
        self.assertAlmostEqual(lengths[1], 2 * lengths[0], delta=0.2)

    def test_text_is_escaped(self):
        hostile = "<script>&\"'"
        for text in (plots.lines(hostile, [(hostile, [(1, 1)])], hostile, hostile),
                     plots.bars(hostile, [(hostile, (1, 2, 3))], hostile)):
            self.assertNotIn("<script>", text)
            self.assertIn(hostile, "".join(xml.fromstring(text).itertext()))

    def test_nothing_is_no_plot(self):
        self.assertEqual(plots.lines("t", [("a", [])], "x", "y"), "")
        self.assertEqual(plots.bars("t", [], "x"), "")


class Page(unittest.TestCase):
    def test_the_spectrum_is_sorted_and_logarithmic(self):
        self.assertEqual(page.spectrum(request_figures(10)), [(2, 100), (100, 900), (1000, 2000)])

    def test_it_needs_no_other_file(self):
        text = page.render(run_file())
        for word in ("src=", "href=", "url(", "@import", "http:", "https:"):
            self.assertNotIn(word, text)
        self.assertIn("<svg", text)

    def test_hostile_names_and_reasons_are_escaped(self):
        content = copy.deepcopy(run_file(host="<script>1", command="<script>2"))
        content["scenarios"]["plain"]["figures"]["<script>3"] = {"problems": ["<script>4"]}
        content["environment"]["contestants"]["gateway"]["config"] = "</pre><script>5"
        content["micro"] = {"<script>6": {"lines": ["<script>7"]}}
        text = page.render(content)
        self.assertNotIn("<script>", text)
        for number in range(1, 8):
            self.assertIn(f"&lt;script&gt;{number}", text)


if __name__ == "__main__":
    unittest.main()
