#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The co_await rule, told by samples: each statement stands in the body of a coroutine."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "cmake"))
from check_coroutines import check_source  # noqa: E402

ALLOWED = [
    "co_await f();",
    "co_await f(a && b, g(c));",
    "co_await std::move(task);",
    "co_await when_all<A, B>(a, b);",
    "auto x = co_await f();",
    "const Result<Chunk> chunk = co_await body.read();",
    "std::map<std::string, int> m = co_await f(a[0]);",
    "Node* node = co_await find();",
    "x = co_await f();",
    "this->state_ = co_await f();",
    "a.b->c = co_await f();",
    "co_return co_await next(ctx);",
    "if (auto r = co_await f(); !r) co_return r;",
    "if (const auto r = co_await f(); r && g(r)) { h(); } else { k(); }",
    "if (ready) co_await f();",
    "if (auto r = co_await f(); !r) co_return co_await g();",
    "if constexpr (kOne) { co_await f(); }",
    "if (a) { } else co_await f();",
    "while (!done) co_await f();",
    "for (int i = 0; i < 3; ++i) { const auto r = co_await f(i); use(r); }",
    "do co_await f(); while (more());",
    "switch (k) { case 1: co_await f(); break; case N::two: co_await g(); default: co_await h(); }",
    "again: co_await f();",
    "for (const auto& x : list) co_await f(x);",
    "try { co_await f(); } catch (...) { }",
    # The body of a lambda is a block of its own.
    "auto task = [](int n) -> Task<int> { co_return co_await f(n); };",
    "spawn([&]() -> Task<std::vector<int>> { auto x = co_await f(); co_return x; }());",
    "auto run = [&] { Pair p{1, 2}; }; co_await f();",
    "std::vector<int> v{1, 2}; co_await f();",
    "struct Local { int a{0}; Task<> run() { co_await f(); } };",
    # What is no statement of ours: comments, literals, the operator itself.
    "// while (co_await f())",
    'log("while (co_await f())"); log(R"x(x ? co_await f() : 1)x");',
    "const int n = 1'000; co_await f(n); const char c = '\"'; co_await g();",
    "auto operator co_await() const noexcept;",
    "return std::forward<A>(a).operator co_await();",
]

REFUSED = [
    "if (co_await f()) { }",
    "while (co_await f()) { }",
    "while (auto x = co_await f()) { }",
    "switch (co_await f()) { default: break; }",
    "switch (auto x = co_await f(); x) { default: break; }",
    "for (co_await f(); a; b) { }",
    "for (; co_await f(); ) { }",
    "for (auto x : co_await f()) { }",
    "for (auto r = co_await f(); r; ) { }",
    "if (auto x = co_await f()) { }",
    "if (x = co_await f(); x) { }",
    "if (auto r = co_await f(); co_await g()) { }",
    "if (a && co_await f()) { }",
    "do { } while (co_await f());",
    "bool b = x && co_await f();",
    "bool b = co_await f() && x;",
    "bool b = co_await f() || x;",
    "auto x = a ? co_await f() : g();",
    "x = a ? g() : co_await f();",
    "co_await f(a ? b : c);",
    "co_await f({1, 2});",
    "co_await f(Options{.a = 1});",
    "co_await f([x] { return x; });",
    "co_await [&]() -> Task<> { co_return; }();",
    "auto x = co_await f(std::string{s});",
    "Agg x{co_await a(), co_await b()};",
    "Agg x = {co_await a()};",
    "auto x = Agg{co_await a()};",
    "co_return Agg{co_await a()};",
    "std::vector<int> v{co_await a()};",
    "throw E(co_await f());",
    "return co_await f();",
    "f(co_await g());",
    "auto x = f(co_await g());",
    "co_await f(co_await g());",
    "auto x = (co_await f()).value();",
    "co_return (co_await f()).value();",
    "auto x = 1 + co_await f();",
    "x += co_await f();",
    "*p = co_await f();",
    "v[0] = co_await f();",
    "g() = co_await f();",
    "auto& x = co_await f();",
    "auto&& x = co_await f();",
    "const std::string& x = co_await f();",
    "auto [a, b] = co_await f();",
    "static auto x = co_await f();",
    "std::string s(co_await f());",
    "int a = 1, b = co_await f();",
    "x = y = co_await f();",
    "co_await f(), g();",
    "(void)co_await f();",
    "auto x = ({ co_await f(); });",
    "case_of(x ? 1 : co_await f());",
    "case 1: x ? g() : co_await f();",
    "\n#define TRY(x) co_await x\n",
]


def problems(statement):
    return list(check_source("Task<> coroutine(Context& ctx) {\n" + statement + "\n}\n"))


class CoAwaitRule(unittest.TestCase):
    def test_allowed_forms_pass(self):
        for statement in ALLOWED:
            with self.subTest(statement):
                self.assertEqual(problems(statement), [])

    def test_every_other_form_is_refused(self):
        for statement in REFUSED:
            with self.subTest(statement):
                self.assertNotEqual(problems(statement), [])

    def test_a_problem_is_reported_once_and_with_its_line(self):
        source = "void f() {\n  /* a\n b */ g();\n  if (co_await h()) {\n    k();\n  }\n}\n"
        self.assertEqual([line for line, _ in check_source(source)], [4])

    def test_a_statement_is_found_in_every_kind_of_body(self):
        for head in ("Task<int> C::f() const", "auto f() -> Task<std::vector<int>>",
                     "template <class T> Task<T> f(T t) requires Fine<T>",
                     "namespace a::b { struct S : Base<int>, Other { Task<> f()"):
            tail = "}}" if "namespace" in head else ""
            with self.subTest(head):
                good = head + " { co_await f(); }" + tail
                bad = head + " { if (co_await f()) g(); }" + tail
                self.assertEqual(list(check_source(good)), [])
                self.assertEqual(len(list(check_source(bad))), 1)


if __name__ == "__main__":
    unittest.main()
