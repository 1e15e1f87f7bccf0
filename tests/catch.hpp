// SPDX-License-Identifier: Apache-2.0
//
// The one way in which tests reach Catch2: its header moved between versions 2 and 3.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
