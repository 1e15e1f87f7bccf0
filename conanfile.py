# SPDX-License-Identifier: Apache-2.0
"""Recipe for Conan 2: `conan create . --build=missing`. It packages the library and its test kit;
tests, examples and benchmarks are built from a checkout (tests/run)."""

import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir

# The content codings: the package of each, its component that is linked, and what CMake calls both.
CODINGS = {
    "zlib": ("zlib/[>=1.2.11 <2]", "zlib::zlib", "ZLIB", "ZLIB::ZLIB"),
    "brotli": ("brotli/[>=1.0 <2]", "brotli::brotlienc", "Brotli", "Brotli::encoder"),
    "zstd": ("zstd/[>=1.4 <2]", "zstd::zstdlib", "Zstd", "Zstd::Zstd"),
}


class GatewaykitRecipe(ConanFile):
    name = "gatewaykit"
    version = "0.1.0"
    description = "Embeddable API gateway library for C++20"
    license = "Apache-2.0"
    topics = ("api-gateway", "reverse-proxy", "http", "coroutines")
    package_type = "library"

    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], **{f"with_{name}": [True, False] for name in CODINGS}}
    default_options = {"shared": False, "fmt/*:header_only": True,
                       **{f"with_{name}": True for name in CODINGS}}
    exports_sources = (
        "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*", "examples/gateway.schema.json",
    )

    def _codings(self):
        return [name for name in CODINGS if self.options.get_safe(f"with_{name}")]

    def requirements(self):
        self.requires("libuv/[>=1.44 <2]")
        self.requires("libnghttp2/[>=1.52 <2]")
        self.requires("openssl/[>=3.0 <4]")
        self.requires("fmt/[>=9 <12]", visible=False)
        self.requires("nlohmann_json/[>=3.11 <4]", visible=False)
        for name in self._codings():
            self.requires(CODINGS[name][0])

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("gatewaykit runs on Linux only for now")
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        # Our own find modules look through the system: those that Conan writes take their place.
        deps = CMakeDeps(self)
        found = [("libuv::libuv", "Libuv", "Libuv::Libuv"),
                 ("libnghttp2::nghttp2", "Nghttp2", "Nghttp2::Nghttp2")]
        found += [CODINGS[name][1:] for name in self._codings()]
        for component, package, target in found:
            name = component.split("::")[0]
            deps.set_property(name, "cmake_find_mode", "module")
            deps.set_property(name, "cmake_file_name", package)
            deps.set_property(name if component == f"{name}::{name}" else component,
                              "cmake_target_name", target)
        deps.generate()

        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS", "FUZZERS"):
            toolchain.cache_variables[f"GATEWAYKIT_BUILD_{part}"] = False
        toolchain.cache_variables["GATEWAYKIT_INSTALL"] = True
        for name in CODINGS:
            switch = "ON" if name in self._codings() else "OFF"
            toolchain.cache_variables[f"GATEWAYKIT_WITH_{name.upper()}"] = switch
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # Conan writes these for each consumer.
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(self.package_folder, "lib", folder))

    def package_info(self):
        # The target of the package itself links all of its components, and nobody asks for it.
        self.cpp_info.set_property("cmake_file_name", "gatewaykit")
        self.cpp_info.set_property("cmake_target_name", "gatewaykit::all")

        library = self.cpp_info.components["gatewaykit"]
        library.set_property("cmake_target_name", "gatewaykit::gatewaykit")
        library.set_property("pkg_config_name", "gatewaykit")
        library.libs = ["gatewaykit"]
        library.requires = ["libuv::libuv", "libnghttp2::nghttp2", "openssl::openssl"]
        library.requires += [CODINGS[name][1] for name in self._codings()]
        library.system_libs = ["pthread"]

        testing = self.cpp_info.components["testing"]
        testing.set_property("cmake_target_name", "gatewaykit::testing")
        testing.libs = ["gatewaykit_testing"]
        testing.requires = ["gatewaykit", "libuv::libuv"]
