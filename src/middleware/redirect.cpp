// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/middleware/redirect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/http/target.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/percent_encoding.hpp"
#include "http/scan.hpp"
#include "middleware/text_template.hpp"

namespace gatewaykit {

namespace {

using Kind = TextTemplate::Kind;
using Piece = TextTemplate::Piece;

// RFC 3986 section 2. What a part of a URL may hold beside letters and digits:
/// a value that means the same wherever it stands,
constexpr UrlCharSet kComponent = url_chars("-._~");
/// segments of a path, with what the target had not encoded,
constexpr UrlCharSet kPath = url_chars("-._~!$&'()*+,;=:@/");
/// what is encoded already.
constexpr UrlCharSet kEncoded = url_chars("-._~!$&'()*+,;=:@/?[]%");

std::string_view without_leading_slashes(std::string_view text) noexcept {
  return text.substr(std::min(text.find_first_not_of('/'), text.size()));
}

constexpr bool is_scheme_char(char c) noexcept {
  return is_alpha(c) || is_digit(c) || scan_detail::among("+-.", c);
}

/// The size of "SCHEME://" or "//" at the front; 0 where there is neither.
std::size_t scheme_size(std::string_view text) noexcept {
  if (text.starts_with("//")) return 2;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_alpha(text.front())) return 0;
  const std::string_view scheme = text.substr(0, colon);
  return std::all_of(scheme.begin(), scheme.end(), is_scheme_char) ? colon + 3 : 0;
}

bool holds_path(Kind kind) noexcept { return kind == Kind::path || kind == Kind::target; }

/// A template for the Location field, taken apart into what no request may change the meaning of.
class Location {
 public:
  Location(const std::string& text, std::vector<std::string>& problems);

  /// False where what the request gives for the authority makes none.
  bool write(const Context& ctx, String& to) const;

 private:
  enum class Zone : std::uint8_t { path, query };
  struct Part {
    Piece piece;
    Zone zone;
  };

  /// Why it cannot be a location; null where it can.
  const char* read(const std::vector<Piece>& pieces);
  const char* read_authority(std::vector<Piece>& rest);
  const char* check_authority() const;
  const char* read_rest(std::vector<Piece> pieces);

  static void write_piece(const Part& part, const Context& ctx, String& to);
  static void write_query(std::string_view query, Zone zone, String& to);

  std::string scheme_;  // "https://", "//", or none: then there is no authority.
  std::vector<Piece> authority_;
  std::vector<Part> rest_;
};

Location::Location(const std::string& text, std::vector<std::string>& problems) {
  const std::string what = fmt::format("redirect: location '{}'", text);
  const std::size_t before = problems.size();
  const TextTemplate parsed(text, what, problems);
  if (problems.size() > before) return;
  if (const char* const why = read(parsed.pieces())) {
    problems.push_back(fmt::format("{}: {}", what, why));
  }
}

const char* Location::read(const std::vector<Piece>& pieces) {
  constexpr const char* kNoUrl = "begins neither with '/' nor with SCHEME://";
  if (pieces.empty()) return kNoUrl;
  std::vector<Piece> rest = pieces;
  Piece& first = rest.front();
  if (first.kind == Kind::literal) {
    const std::size_t size = scheme_size(first.text);
    if (size == 0 && first.text.front() != '/') return kNoUrl;
    scheme_ = first.text.substr(0, size);
    first.text.erase(0, size);
  } else if (!holds_path(first.kind)) {
    return kNoUrl;
  }
  if (!scheme_.empty()) {
    if (const char* const why = read_authority(rest)) return why;
  }
  return read_rest(std::move(rest));
}

/// Takes the authority off the front of `rest`.
const char* Location::read_authority(std::vector<Piece>& rest) {
  auto at = rest.begin();
  for (; at != rest.end(); ++at) {
    if (holds_path(at->kind) || at->kind == Kind::query) break;
    if (at->kind == Kind::literal) {
      const std::size_t end = std::min(at->text.find_first_of("/?#"), at->text.size());
      authority_.push_back({Kind::literal, at->text.substr(0, end)});
      at->text.erase(0, end);
      if (!at->text.empty()) break;
    } else if (at->kind == Kind::host || at->kind == Kind::hostname) {
      authority_.push_back(*at);
    } else {
      return "no placeholder but {host} and {hostname} may stand in the authority";
    }
  }
  rest.erase(rest.begin(), at);
  return check_authority();
}

const char* Location::check_authority() const {
  std::string example;
  for (const Piece& piece : authority_) {
    switch (piece.kind) {
      case Kind::host:
        example += "host:80";
        break;
      case Kind::hostname:
        example += "host";
        break;
      default:
        example += piece.text;
    }
  }
  return parse_authority(example) ? nullptr : "has no valid authority ({host} may hold a port)";
}

const char* Location::read_rest(std::vector<Piece> pieces) {
  const auto is_url_char = [](char c) {
    return c == '#' || kEncoded[static_cast<unsigned char>(c)];
  };
  Zone zone = Zone::path;
  for (Piece& piece : pieces) {
    bool ends_path = piece.kind == Kind::target || piece.kind == Kind::query;
    if (piece.kind == Kind::literal) {
      if (!std::all_of(piece.text.begin(), piece.text.end(), is_url_char)) {
        return "holds a character that must be encoded";
      }
      ends_path = piece.text.find_first_of("?#") != std::string::npos;
    }
    rest_.push_back({std::move(piece), zone});
    if (ends_path) zone = Zone::query;
  }
  return nullptr;
}

bool Location::write(const Context& ctx, String& to) const {
  to = scheme_;
  for (const Piece& piece : authority_) to += piece.value(ctx);
  if (!scheme_.empty() && !parse_authority(std::string_view(to).substr(scheme_.size()))) {
    return false;
  }
  for (const Part& part : rest_) write_piece(part, ctx, to);
  // A path that begins with two slashes would be read as an authority.
  if (scheme_.empty()) to.erase(0, to.size() - without_leading_slashes(to).size() - 1);
  return true;
}

void Location::write_piece(const Part& part, const Context& ctx, String& to) {
  const std::string_view value = part.piece.value(ctx);
  if (part.piece.kind == Kind::literal) {
    to += value;
  } else if (part.piece.kind == Kind::query) {
    write_query(value, part.zone, to);
  } else if (part.zone == Zone::query) {
    append_encoded(to, value, kComponent);
  } else if (holds_path(part.piece.kind)) {
    to += '/';
    append_encoded(to, without_leading_slashes(value), kEncoded);
  } else {
    append_encoded(to, value, kPath);
  }
}

void Location::write_query(std::string_view query, Zone zone, String& to) {
  if (query.empty()) return;
  if (!to.ends_with('?') && !to.ends_with('&')) to += zone == Zone::path ? '?' : '&';
  append_encoded(to, query.substr(1), kEncoded);
}

bool is_redirection(Status status) noexcept {
  switch (status) {
    case Status::moved_permanently:
    case Status::found:
    case Status::see_other:
    case Status::temporary_redirect:
    case Status::permanent_redirect:
      return true;
    default:
      return false;
  }
}

class Redirector {
 public:
  Redirector(Status status, Location location) : status_(status), location_(std::move(location)) {}

  Task<Response> operator()(Context& ctx) const {
    String location;
    if (!location_.write(ctx, location)) {
      co_return Response::problem(Status::bad_request, "The request names no valid host.");
    }
    Response response(status_);
    response.headers.set("location", location);
    co_return response;
  }
  void describe(Wiring& wiring) const { wiring.name(fmt::format("redirect {}", code(status_))); }

 private:
  Status status_;
  Location location_;
};

}  // namespace

Handler redirect(RedirectOptions options) {
  std::vector<std::string> problems;
  if (!is_redirection(options.status)) {
    problems.push_back(fmt::format("redirect: {} does not redirect", code(options.status)));
  }
  Location location(options.location, problems);
  if (!problems.empty()) throw ConfigError(std::move(problems));
  return Redirector(options.status, std::move(location));
}

Handler redirect_to_https(std::uint16_t port, Status status) {
  const std::string authority = port == 443 ? "{hostname}" : fmt::format("{{hostname}}:{}", port);
  return redirect({.location = "https://" + authority + "{target}", .status = status});
}

}  // namespace gatewaykit
