#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layer rule, told by samples: folder, public or private, quote, name."""

import unittest

from check_layers import check_include

ALLOWED = [
    ("core", True, "<", "vector"),
    ("core", True, '"', "gatewaykit/core/error.hpp"),
    ("core", True, '"', "gatewaykit/export.hpp"),
    ("http", False, '"', "http/scan.hpp"),
    ("net", False, "<", "uv.h"),
    ("codec", False, '"', "gatewaykit/http/headers.hpp"),
    ("routing", True, '"', "gatewaykit/http/request.hpp"),
    ("upstream", False, '"', "codec/http1_parser.hpp"),
    ("middleware", False, '"', "gatewaykit/upstream/pool.hpp"),
    ("server", False, '"', "gatewaykit/routing/router.hpp"),
    ("testing", False, '"', "net/loop.hpp"),
    ("", True, '"', "gatewaykit/server/gateway.hpp"),
]

REFUSED = [
    ("core", False, '"', "gatewaykit/http/headers.hpp"),
    ("net", False, '"', "codec/http1_parser.hpp"),
    ("upstream", True, '"', "gatewaykit/limit/limiter.hpp"),
    ("middleware", True, '"', "gatewaykit/aggregate/aggregator.hpp"),
    ("routing", False, '"', "net/loop.hpp"),
    ("routing", False, '"', "codec/target.hpp"),
    ("server", False, '"', "gatewaykit/testing/clock.hpp"),
    ("server", False, '"', "gatewaykit/config/load.hpp"),
    ("server", False, '"', "gatewaykit/gatewaykit.hpp"),
    ("server", False, '"', "strange/thing.hpp"),
    ("server", False, '"', "../core/pool.hpp"),
    ("core", True, '"', "core/pool.hpp"),
    ("core", True, "<", "uv.h"),
    ("core", True, "<", "fmt/format.h"),
    ("core", False, "<", "iostream"),
]


class LayerRule(unittest.TestCase):
    def test_lower_layers_and_the_own_folder_may_be_included(self):
        for sample in ALLOWED:
            with self.subTest(sample):
                self.assertIsNone(check_include(*sample))

    def test_everything_else_is_refused(self):
        for sample in REFUSED:
            with self.subTest(sample):
                self.assertIsNotNone(check_include(*sample))


if __name__ == "__main__":
    unittest.main()
