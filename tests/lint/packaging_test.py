#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CMake's files, vcpkg.json and conanfile.py say the same: version, packages, codings, switches.

Neither vcpkg nor Conan is asked: the manifest is read as JSON, the recipe is run with stand-ins
for the modules of Conan, which note what it asks of them.
"""

import importlib.util
import json
import pathlib
import re
import sys
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What find_package is asked for: its name in vcpkg and in Conan. A package that is new to CMake
# gets a line here.
NAMES = {
    "fmt": ("fmt", "fmt"),
    "Libuv": ("libuv", "libuv"),
    "Nghttp2": ("nghttp2", "libnghttp2"),
    "OpenSSL": ("openssl", "openssl"),
    "nlohmann_json": ("nlohmann-json", "nlohmann_json"),
    "ZLIB": ("zlib", "zlib"),
    "Brotli": ("brotli", "brotli"),
    "Zstd": ("zstd", "zstd"),
    "CLI11": ("cli11", "cli11"),
    "Catch2": ("catch2", "catch2"),
}
OF_THE_SYSTEM = {"Threads", "Python3"}

# https://learn.microsoft.com/vcpkg/reference/vcpkg-json
MANIFEST_KEYS = {"$schema", "name", "version", "description", "homepage", "license", "supports",
                 "dependencies", "default-features", "features", "builtin-baseline", "overrides"}
FEATURE_KEYS = {"description", "dependencies", "supports"}
PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*$")


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def wanted(*files):
    """The packages that the files ask for, each with the least version or None."""
    found = {}
    for file in files:
        for name, version in re.findall(r"^find_package\((\w+)(?: ([\d.]+))?", text(file), re.M):
            if name not in OF_THE_SYSTEM:
                found[name] = version or None
    return found


def codings():
    """The codings that CMake knows: the word of its option, and its package."""
    pattern = r"gatewaykit_add_coding\(\w+ OPTION (\w+) PACKAGE (\w+) TARGET (\S+)"
    return re.findall(pattern, text("cmake/GatewaykitCodings.cmake"))


def project(word):
    return re.search(rf'^\s+{word} "?([^"\n]+)"?$', text("CMakeLists.txt"), re.M).group(1)


def in_vcpkg(packages):
    return sorted(NAMES[name][0] for name in packages)


class StandIn:
    """Anything that Conan hands to a recipe: takes every call, keeps what is set."""

    def __init__(self, *_):
        self.cache_variables = {}
        self.properties = {}

    def set_property(self, *key_and_value):
        self.properties[key_and_value[:-1]] = key_and_value[-1]

    def generate(self):
        MADE[type(self).__name__] = self


class Component(StandIn):
    libs = requires = system_libs = ()


MADE = {}  # The generators that a recipe ran, by class.


def load_recipe():
    """The recipe's module, with stand-ins for what it imports."""
    nothing = dict.fromkeys(("check_min_cppstd", "cmake_layout", "copy", "rmdir"))
    classes = {name: type(name, (StandIn,), {})
               for name in ("CMake", "CMakeDeps", "CMakeToolchain")}
    for module in ("conan", "conan.errors", "conan.tools", "conan.tools.build",
                   "conan.tools.cmake", "conan.tools.files"):
        sys.modules[module] = types.ModuleType(module)
        vars(sys.modules[module]).update(
            nothing, **classes, ConanFile=object, ConanInvalidConfiguration=Exception)
    spec = importlib.util.spec_from_file_location("conanfile", ROOT / "conanfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Run:
    """What the recipe does with some of the codings switched off."""

    def __init__(self, without=()):
        recipe = load_recipe().GatewaykitRecipe()
        values = {**recipe.default_options, **{f"with_{name}": False for name in without}}
        recipe.options = types.SimpleNamespace(get_safe=values.get)
        self.ranges = {}
        recipe.requires = lambda reference, **_: self.ranges.update([reference.split("/")])
        recipe.requirements()
        recipe.generate()
        self.variables = MADE["CMakeToolchain"].cache_variables
        self.targets = set(MADE["CMakeDeps"].properties.values())
        made = Component()
        made.components = {"gatewaykit": Component(), "testing": Component()}
        recipe.cpp_info = made
        recipe.package_info()
        self.components = made.components


class Packaging(unittest.TestCase):
    manifest = json.loads(text("vcpkg.json"))
    recipe = load_recipe().GatewaykitRecipe

    def test_version_description_and_name_are_those_of_the_project(self):
        for word, key in (("VERSION", "version"), ("DESCRIPTION", "description")):
            self.assertEqual(self.manifest[key], project(word))
            self.assertEqual(getattr(self.recipe, key), project(word))
        self.assertEqual(self.manifest["name"], "gatewaykit")
        self.assertEqual(self.recipe.name, "gatewaykit")

    def test_the_manifest_has_only_what_its_schema_knows(self):
        self.assertLessEqual(set(self.manifest), MANIFEST_KEYS)
        names = self.manifest["dependencies"] + self.manifest["default-features"]
        for name, feature in self.manifest["features"].items():
            self.assertLessEqual(set(feature), FEATURE_KEYS, name)
            self.assertTrue(feature["description"], name)
            names += [name] + feature["dependencies"]
        for name in names:
            self.assertRegex(name, PORT_NAME)
        self.assertLessEqual(set(self.manifest["default-features"]), set(self.manifest["features"]))

    def test_vcpkg_brings_what_cmake_looks_for(self):
        features = self.manifest["features"]
        self.assertEqual(self.manifest["dependencies"], in_vcpkg(wanted("CMakeLists.txt")))
        for part in ("tests", "examples", "benchmarks"):
            self.assertEqual(features[part]["dependencies"],
                             in_vcpkg(wanted(f"{part}/CMakeLists.txt")), part)

    def test_vcpkg_has_a_feature_for_each_coding(self):
        features = {option.lower(): in_vcpkg([package]) for option, package, _ in codings()}
        self.assertEqual(self.manifest["default-features"], sorted(features))
        for name, packages in features.items():
            self.assertEqual(self.manifest["features"][name]["dependencies"], packages)

    def test_conan_brings_what_cmake_looks_for_and_nothing_older(self):
        packages = wanted("CMakeLists.txt")
        packages.update((package, None) for _, package, _ in codings())
        ranges = Run().ranges
        self.assertEqual(sorted(ranges), sorted(NAMES[name][1] for name in packages))
        for name, least in packages.items():
            if least:
                self.assertTrue(ranges[NAMES[name][1]].startswith(f"[>={least} <"), name)

    def test_conan_finds_the_libraries_under_the_names_that_cmake_links(self):
        for target in ["Libuv::Libuv", "Nghttp2::Nghttp2"] + [target for _, _, target in codings()]:
            self.assertIn(target, Run().targets)

    def test_an_option_of_the_recipe_switches_its_coding_and_nothing_else(self):
        for option, package, _ in codings():
            name, every, less = NAMES[package][1], Run(), Run(without=[option.lower()])
            self.assertEqual(every.variables[f"GATEWAYKIT_WITH_{option}"], "ON")
            self.assertEqual(less.variables.pop(f"GATEWAYKIT_WITH_{option}"), "OFF")
            self.assertLessEqual(less.variables.items(), every.variables.items())
            self.assertEqual(set(every.ranges) - set(less.ranges), {name})
            links = [{r.split("::")[0] for r in run.components["gatewaykit"].requires}
                     for run in (every, less)]
            self.assertEqual(links[0] - links[1], {name})

    def test_the_recipe_sets_only_variables_that_cmake_knows(self):
        known = set(re.findall(r"option\((\w+)", text("cmake/GatewaykitOptions.cmake")))
        known.update(f"GATEWAYKIT_WITH_{option}" for option, _, _ in codings())
        self.assertLessEqual(set(Run().variables), known)

    def test_the_targets_of_the_recipe_are_those_of_find_package(self):
        for name, component in Run().components.items():
            self.assertEqual(component.properties[("cmake_target_name",)], f"gatewaykit::{name}")


if __name__ == "__main__":
    unittest.main()
