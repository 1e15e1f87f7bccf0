#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every statement with co_await has a form that g++ 12 compiles correctly.

g++ 12 miscompiles several of the other forms without a warning (temporaries destroyed twice,
conditions evaluated wrongly), so the rule says what is allowed rather than what is not:

    co_await EXPR;
    [const] TYPE name = co_await EXPR;
    name = co_await EXPR;
    co_return co_await EXPR;
    if ([const] TYPE name = co_await EXPR; condition)

EXPR holds no brace (so no aggregate, initializer list or lambda), no `?`, no second co_await, and
no `&&`, `||` or comma outside of its parentheses. TYPE is no reference and no structured binding.

Usage: check_coroutines.py FILE-OR-FOLDER...    (called by gatewaykit_check_coroutines)
"""

import pathlib
import re
import sys

SOURCE_SUFFIXES = {".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx", ".h", ".ipp"}

FORMS = (
    "allowed: `co_await E;`, `T name = co_await E;`, `name = co_await E;`, "
    "`co_return co_await E;`, `if (T name = co_await E; condition)`"
)

TOKEN = re.compile(
    r"""
      (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
    | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
    | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    | (?P<number>\.?\d(?:'?[\w.]|[eEpP][+-])*)
    | (?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    | (?P<word>[A-Za-z_]\w*)
    | (?P<operator>::|->|&&|\|\||==|<=|>=|!=|<<|[{}()\[\];:,?.<>=+\-*/%&|^~!@$`\\])
    """,
    re.VERBOSE | re.DOTALL,
)

CLOSING = {"(": ")", "[": "]", "{": "}"}
OPENING = {closing: opening for opening, closing in CLOSING.items()}
TYPE_KEYWORDS = {"namespace", "struct", "class", "union", "enum", "concept", "extern"}
BEFORE_A_BLOCK = {")", "{", "}", ";", "else", "do", "try", "const", "noexcept", "override",
                  "final", "mutable", "requires"}
# What may stand between the head of a declaration, or the arrow of a result type, and its brace.
WITHIN_A_TYPE = {"::", "<", ">", "*", "&", "&&", ",", ":", "(", ")"}


class Token:
    __slots__ = ("text", "line", "partner")

    def __init__(self, text, line):
        self.text = text
        self.line = line
        self.partner = None  # index of the matching bracket

    @property
    def is_word(self):
        return self.text[0].isalpha() or self.text[0] == "_"


def blank(text):
    """Keeps the line count of what is cut out."""
    return "\n" * text.count("\n")


def tokenize(source):
    """Splits into tokens. Comments and literals lose their contents, directives are left out."""
    directives = []

    def cut_directive(match):
        if "co_await" in match.group(0):
            directives.append(source.count("\n", 0, match.start()) + 1)
        return blank(match.group(0))

    without = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", cut_directive, source, flags=re.MULTILINE)
    tokens = []
    line = 1
    position = 0
    for match in TOKEN.finditer(without):
        line += without.count("\n", position, match.start())
        position = match.start()
        kind = match.lastgroup
        if kind == "delimiter":
            kind = "raw"
        if kind == "comment":
            continue
        text = '""' if kind in ("raw", "string", "char") else match.group(0)
        tokens.append(Token(text, line))
    return tokens, directives


def pair_brackets(tokens):
    stack = []
    for index, token in enumerate(tokens):
        if token.text in CLOSING:
            stack.append(index)
        elif token.text in OPENING and stack and tokens[stack[-1]].text == OPENING[token.text]:
            token.partner = stack.pop()
            tokens[token.partner].partner = index


def starts_block(tokens, brace):
    """Tells a block of statements or declarations from a braced initialiser."""
    if brace == 0:
        return True
    before = tokens[brace - 1]
    if before.text in BEFORE_A_BLOCK:
        return True
    if before.text == ":":  # a label; `? :` with braces is refused elsewhere
        return True
    if before.text == "]":  # the introducer of a lambda, unless it is a subscript or an array
        opening = before.partner
        return opening is None or opening == 0 or not (
            tokens[opening - 1].is_word or tokens[opening - 1].text in (")", "]", ">"))
    index = brace - 1
    while index >= 0:
        text = tokens[index].text
        if text == "->" or text in TYPE_KEYWORDS:
            return True
        if text in (")", "]") and tokens[index].partner is not None:
            index = tokens[index].partner
        elif not (tokens[index].is_word or text in WITHIN_A_TYPE):
            return False
        elif text in ("(", "return", "co_return", "throw", "case", "new"):
            return False
        index -= 1
    return False


def enclosing_block(tokens, at):
    """Index of the brace whose block holds the token, or -1 for the file."""
    index = at - 1
    while index >= 0:
        token = tokens[index]
        if token.text in OPENING and token.partner is not None:
            index = token.partner
        elif token.text == "{" and starts_block(tokens, index):
            return index
        index -= 1
    return -1


def statement_around(tokens, at):
    """The statement that holds the token, as a range; its end is the `;` or the closing brace."""
    start = index = enclosing_block(tokens, at) + 1
    while index < len(tokens):
        token = tokens[index]
        end = None
        if token.text == ";":
            end = index
        elif token.text == "{" and token.partner is not None:
            if starts_block(tokens, index):
                end = token.partner
            else:
                index = token.partner
        elif token.text in CLOSING and token.partner is not None:
            index = token.partner
        elif token.text == "}":
            return start, index
        if end is not None:
            if end >= at:
                return start, end
            start = index = end + 1
            continue
        index += 1
    return start, len(tokens)


def strip_prefix(tokens, start, at):
    """Skips labels, attributes, `else` and finished conditions in front of a statement."""
    while start < at:
        text = tokens[start].text
        if text in ("else", "do"):
            start += 1
        elif text == "[" and tokens[start + 1].text == "[":
            start = tokens[start].partner + 1
        elif text in ("if", "while", "for", "switch"):
            paren = start + 1
            if tokens[paren].text == "constexpr":
                paren += 1
            if tokens[paren].partner is None or tokens[paren].partner > at:
                return start
            start = tokens[paren].partner + 1
        elif text in ("case", "default") or (tokens[start].is_word
                                             and tokens[start + 1].text == ":"):
            while start < at and tokens[start].text != ":":
                start += 1
            start += 1
        else:
            return start
    return start


def check_expression(tokens, start, end):
    """Says what is wrong with EXPR, or None. The range excludes co_await and the terminator."""
    index = start
    while index < end:
        text = tokens[index].text
        if text == "{":
            return "braces (an aggregate, an initializer list or a lambda) beside co_await"
        if text == "?":
            return "a conditional operator beside co_await"
        if text == "co_await":
            return "a second co_await in the statement"
        index += 1
    index = start
    while index < end:
        text = tokens[index].text
        if text in ("&&", "||", ","):
            return f"`{text}` beside co_await"
        if text in CLOSING and tokens[index].partner is not None:
            index = tokens[index].partner
        elif text == "<":  # the comma of a template argument list is none of ours
            closing = matching_angle(tokens, index, end)
            index = closing if closing is not None else index
        index += 1
    return None if start < end else "nothing is awaited"


def matching_angle(tokens, at, end):
    depth = 0
    index = at
    while index < end:
        text = tokens[index].text
        if text == "<":
            depth += 1
        elif text == ">":
            depth -= 1
            if depth == 0:
                return index
        elif text in ("&&", "||", ";"):
            return None
        elif text in CLOSING and tokens[index].partner is not None:
            index = tokens[index].partner
        index += 1
    return None


def check_target(tokens, start, end):
    """What stands between the statement's start and `=`: a declaration or a plain name."""
    words = [token.text for token in tokens[start:end]]
    if "[" in words:
        return "a structured binding or a subscript takes the result of co_await"
    if "{" in words or "(" in words or "?" in words:
        return "the left side of co_await is more than a name"
    if any(word in ("static", "thread_local", "constexpr") for word in words):
        return "the result of co_await initialises a static"
    named = [i for i, token in enumerate(tokens[start:end]) if token.is_word]
    if not named or named[0] != 0 or named[-1] != len(words) - 1:
        return "the left side of co_await is more than a name"
    depth = 0
    for word in words:
        depth += {"<": 1, ">": -1}.get(word, 0)
        if word in ("&", "&&") and depth == 0:
            return "a reference is bound to co_await: name the value, then bind the reference"
        if word not in ("::", ".", "->", "<", ">", ",", "*", "&", "&&") and not re.match(r"\w", word):
            return "the left side of co_await is more than a name"
    return None


def check_if_statement(tokens, start, at):
    paren = start + 1
    if tokens[start].text != "if" or tokens[paren].text != "(":
        return "co_await in the head of a loop, a switch or an if constexpr"
    separator = paren + 1
    closing = tokens[paren].partner
    while separator < closing and tokens[separator].text != ";":
        if tokens[separator].text in CLOSING and tokens[separator].partner is not None:
            separator = tokens[separator].partner
        separator += 1
    if not paren < at < separator < closing:
        return "co_await in a condition: move it into `if (T name = co_await E; condition)`"
    return check_assignment(tokens, paren + 1, at, separator, declares=True)


def check_assignment(tokens, start, at, end, declares=False):
    if at == start or tokens[at - 1].text != "=":
        return "co_await inside a larger expression"
    if declares and at - 1 - start < 2:
        return "the if statement must declare the name it tests"
    return check_target(tokens, start, at - 1) or check_expression(tokens, at + 1, end)


def check_statement(tokens, at):
    start, end = statement_around(tokens, at)
    start = strip_prefix(tokens, start, at)
    if tokens[start].text in ("if", "while", "for", "switch"):
        return check_if_statement(tokens, start, at)
    if any(tokens[index].text == "{" for index in range(start, at)):
        return "braces (an aggregate, an initializer list or a lambda) beside co_await"
    if end >= len(tokens) or tokens[end].text != ";":
        return "braces (an aggregate, an initializer list or a lambda) beside co_await"
    if at == start or (at == start + 1 and tokens[start].text == "co_return"):
        return check_expression(tokens, at + 1, end)
    return check_assignment(tokens, start, at, end)


def check_source(source):
    """Yields (line, problem) for each co_await that has none of the forms."""
    tokens, directives = tokenize(source)
    for line in directives:
        yield line, "co_await in a macro, where the form of the statement cannot be seen"
    pair_brackets(tokens)
    for at, token in enumerate(tokens):
        if token.text != "co_await" or (at > 0 and tokens[at - 1].text == "operator"):
            continue
        problem = check_statement(tokens, at)
        if problem:
            yield token.line, problem


def source_files(arguments):
    for argument in map(pathlib.Path, arguments):
        if argument.is_dir():
            yield from sorted(path for path in argument.rglob("*")
                              if path.suffix in SOURCE_SUFFIXES and path.is_file())
        elif argument.suffix in SOURCE_SUFFIXES:
            yield argument


def main(arguments):
    failures = 0
    for path in source_files(arguments):
        for line, problem in check_source(path.read_text(encoding="utf-8")):
            print(f"{path}:{line}: {problem}", file=sys.stderr)
            failures += 1
    if failures:
        print(FORMS, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
