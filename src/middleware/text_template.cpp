// SPDX-License-Identifier: Apache-2.0
#include "middleware/text_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gatewaykit/middleware/request_id.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"

namespace gatewaykit {

namespace {

using Kind = TextTemplate::Kind;

constexpr std::string_view kParam = "param:";

constexpr std::pair<std::string_view, Kind> kPlaceholders[] = {
    {"client", Kind::client}, {"host", Kind::host},     {"hostname", Kind::hostname},
    {"id", Kind::id},         {"method", Kind::method}, {"path", Kind::path},
    {"query", Kind::query},   {"route", Kind::route},   {"target", Kind::target},
};

std::string_view without_port(std::string_view authority) noexcept {
  const std::size_t name_end = authority.starts_with('[') ? authority.find(']') : 0;
  return authority.substr(0, authority.find(':', name_end));
}

std::size_t path_size(std::string_view target) noexcept {
  return std::min(target.find('?'), target.size());
}

}  // namespace

class TextTemplate::Parser {
 public:
  Parser(std::string_view what, std::vector<Piece>& pieces, std::vector<std::string>& problems)
      : what_(what), pieces_(pieces), problems_(problems) {}

  void parse(std::string_view text) {
    if (!is_field_value(text)) add_problem("holds a control character");
    while (!text.empty()) {
      const std::size_t brace = std::min(text.find('{'), text.size());
      add_literal(text.substr(0, brace));
      text.remove_prefix(brace);
      if (!text.empty()) text.remove_prefix(parse_brace(text));
    }
  }

 private:
  /// Reads what begins with a brace; its size.
  std::size_t parse_brace(std::string_view text) {
    if (text.starts_with("{{")) {
      add_literal("{");
      return 2;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) {
      add_problem("a '{' has no '}' ('{{' is a brace)");
      return text.size();
    }
    add_placeholder(text.substr(1, end - 1));
    return end + 1;
  }

  void add_placeholder(std::string_view name) {
    if (name.starts_with(kParam) && name.size() > kParam.size()) {
      pieces_.push_back({Kind::param, std::string(name.substr(kParam.size()))});
      return;
    }
    for (const auto& [known, kind] : kPlaceholders) {
      if (name == known) {
        pieces_.push_back({kind, {}});
        return;
      }
    }
    add_problem(fmt::format("'{{{}}}' is no placeholder", name));
  }

  void add_literal(std::string_view text) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().kind != Kind::literal) {
      pieces_.push_back({Kind::literal, {}});
    }
    pieces_.back().text += text;
  }

  void add_problem(std::string_view problem) {
    problems_.push_back(fmt::format("{}: {}", what_, problem));
  }

  std::string_view what_;
  std::vector<Piece>& pieces_;
  std::vector<std::string>& problems_;
};

TextTemplate::TextTemplate(std::string_view text, std::string_view what,
                           std::vector<std::string>& problems) {
  Parser(what, pieces_, problems).parse(text);
}

std::string_view TextTemplate::Piece::value(const Context& ctx) const {
  const Request& request = ctx.request();
  const std::string_view target = request.target;
  switch (kind) {
    case Kind::literal:
      return text;
    case Kind::client:
      return ctx.client().text();
    case Kind::host:
      return request.authority;
    case Kind::hostname:
      return without_port(request.authority);
    case Kind::id: {
      const auto* const id = ctx.get<RequestId>();
      return id == nullptr ? std::string_view() : id->value;
    }
    case Kind::method:
      return request.method.name();
    case Kind::param:
      return ctx.param(text);
    case Kind::path:
      return target.substr(0, path_size(target));
    case Kind::query:
      return target.substr(path_size(target));
    case Kind::route:
      return ctx.route();
    case Kind::target:
      return target;
  }
  return {};
}

std::string_view TextTemplate::expand(const Context& ctx, String& scratch) const {
  if (pieces_.size() == 1) return pieces_.front().value(ctx);
  scratch.clear();
  for (const Piece& piece : pieces_) scratch += piece.value(ctx);
  return scratch;
}

}  // namespace gatewaykit
