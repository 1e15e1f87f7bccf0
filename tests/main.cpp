// SPDX-License-Identifier: Apache-2.0
//
// The main function of every test executable, compiled once: with Catch2 2 it holds the whole
// framework and takes many seconds.

#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
