// SPDX-License-Identifier: Apache-2.0
// The layer decides and describes; the codings, the bodies and the negotiation are transform's.
#include "gatewaykit/middleware/compression.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "gatewaykit/core/error.hpp"
#include "gatewaykit/core/string.hpp"
#include "gatewaykit/core/worker_local.hpp"
#include "gatewaykit/routing/context.hpp"
#include "http/scan.hpp"
#include "middleware/media_types.hpp"
#include "middleware/vary.hpp"
#include "transform/accept_encoding.hpp"
#include "transform/compressed_body.hpp"

namespace gatewaykit {

namespace {

using transform::CompressorPool;

/// Content in memory is compressed at once up to here, so that its length is known.
constexpr std::size_t kMostAtOnce = std::size_t{256} << 10;

constexpr std::string_view kAcceptRanges = "accept-ranges";

bool forbids_transform(std::string_view cache_control) noexcept {
  while (cache_control.data() != nullptr) {
    if (equals_lower(next_list_member(cache_control), "no-transform")) return true;
  }
  return false;
}

bool forbids_transform(const Headers& fields) noexcept {
  for (const FieldLine line : fields) {
    if (line.field == Field::cache_control && forbids_transform(line.value)) return true;
  }
  return false;
}

/// Fields that are true of the bytes as they are, and of no other form of them.
bool pins_content(const FieldLine& line) noexcept {
  constexpr std::string_view kNames[] = {"content-range", "content-digest", "repr-digest", "digest",
                                         "content-md5"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&line](std::string_view name) { return equals_lower(line.name, name); });
}

bool has_content(Status status) noexcept {
  constexpr Status kResetContent{205};
  return !is_interim(status) && status != Status::no_content && status != kResetContent &&
         status != Status::partial_content && status != Status::not_modified;
}

/// Bytes of content, where that is known; for HEAD those that GET would give.
std::optional<std::uint64_t> size_of(const Request& request, const Response& response) {
  if (request.method != Method::head || !response.body.empty()) return response.body.size();
  const auto text = response.headers.get(Field::content_length);
  std::uint64_t size = 0;
  if (!text) return std::nullopt;
  const auto [stop, failure] = std::from_chars(text->data(), text->data() + text->size(), size);
  return failure == std::errc() ? std::optional(size) : std::nullopt;
}

bool is_strong(std::string_view etag) noexcept { return etag.starts_with('"'); }

void weaken_etag(Headers& fields) {
  const auto etag = fields.get(Field::etag);
  if (!etag || !is_strong(*etag)) return;
  String weak = "W/";
  weak += *etag;
  fields.set(name_of(Field::etag), weak);
}

/// A 304 stands for a response that we have compressed where the client knows it by the weak form
/// of its tag: a tag holds no quotes, so that finding it is telling it apart.
bool stands_for_compressed(const Request& request, const Headers& fields) {
  const auto etag = fields.get(Field::etag);
  if (!etag || !is_strong(*etag)) return false;
  String weak = "W/";
  weak += *etag;
  for (const FieldLine line : request.headers) {
    if (line.field != Field::other || !equals_lower(line.name, "if-none-match")) continue;
    if (line.value.find(weak) != std::string_view::npos) return true;
  }
  return false;
}

void describe_content(Headers& fields, ContentCoding coding) {
  fields.remove(Field::content_length);
  fields.remove(kAcceptRanges);
  weaken_etag(fields);
  fields.add_checked(Field::content_encoding, name_of(Field::content_encoding), name_of(coding));
}

/// What the options come to, or what is wrong with them.
class Plan {
 public:
  explicit Plan(const CompressionOptions& options) : min_size(options.min_size) {
    choose_codings(options.codings);
    for (const std::string& type : options.types) {
      if (!types.add(type)) complain("'{}' is no media type", type);
    }
    set_level(ContentCoding::gzip, options.gzip_level);
    set_level(ContentCoding::brotli, options.brotli_level);
    set_level(ContentCoding::zstd, options.zstd_level);
    if (!problems_.empty()) throw ConfigError(std::move(problems_));
  }

  std::vector<ContentCoding> codings;
  MediaTypes types;
  CompressorPool::LevelSet levels{};
  std::uint64_t min_size;

 private:
  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    problems_.push_back("compression: " + fmt::format(text, std::forward<Args>(args)...));
  }

  void choose_codings(const std::vector<ContentCoding>& named) {
    for (const ContentCoding coding : named) {
      const std::string_view name = name_of(coding);
      if (!is_built_in(coding)) complain("{} is not built in", name);
      if (std::find(codings.begin(), codings.end(), coding) != codings.end()) {
        complain("{} is named twice", name);
      }
      codings.push_back(coding);
    }
    if (!named.empty()) return;
    for (const auto coding : {ContentCoding::zstd, ContentCoding::brotli, ContentCoding::gzip}) {
      if (is_built_in(coding)) codings.push_back(coding);
    }
    if (codings.empty()) complain("no coding is built in");
  }

  void set_level(ContentCoding coding, int level) {
    const auto [least, most] = transform::levels_of(coding);
    if (level < least || level > most) {
      complain("{} has no level {}, only {} to {}", name_of(coding), level, least, most);
    }
    levels[static_cast<std::size_t>(coding)] = level;
  }

  std::vector<std::string> problems_;
};

class CompressionLayer final : public Middleware {
 public:
  explicit CompressionLayer(const CompressionOptions& options)
      : plan_(options), memory_(options.memory) {}

  Task<Response> handle(Context& ctx, Next next) const override {
    // Asked before the layers behind may change the request.
    const std::optional<ContentCoding> coding = coding_for(ctx.request());
    Response response = co_await next(ctx);
    if (response.status == Status::not_modified &&
        stands_for_compressed(ctx.request(), response.headers)) {
      weaken_etag(response.headers);
      add_to_vary(response.headers, "Accept-Encoding");
    }
    if (!could_compress(ctx.request(), response)) co_return response;
    add_to_vary(response.headers, "Accept-Encoding");
    if (coding) co_return co_await compress(ctx, std::move(response), *coding);
    co_return response;
  }
  void describe(Wiring& wiring) const override { wiring.name("compression"); }

 private:
  std::optional<ContentCoding> coding_for(const Request& request) const noexcept {
    if (forbids_transform(request.headers)) return std::nullopt;
    return transform::choose_coding(request.headers, plan_.codings);
  }

  /// Whatever the client accepts.
  bool could_compress(const Request& request, const Response& response) const {
    if (response.is_tunnel() || !has_content(response.status)) return false;
    std::string_view type;
    for (const FieldLine line : response.headers) {
      switch (line.field) {
        case Field::content_encoding:
          return false;
        case Field::cache_control:
          if (forbids_transform(line.value)) return false;
          break;
        case Field::content_type:
          type = line.value;
          break;
        case Field::other:
          if (pins_content(line)) return false;
          break;
        default:
          break;
      }
    }
    const bool is_grpc = equals_lower(type.substr(0, kGrpc.size()), kGrpc);
    if (is_grpc || !plan_.types.contain(type)) return false;
    const std::optional<std::uint64_t> size = size_of(request, response);
    return !size || (*size > 0 && *size >= plan_.min_size);
  }

  Task<Response> compress(Context& ctx, Response response, ContentCoding coding) const {
    const bool is_in_memory = response.body.source() == nullptr && !response.body.empty();
    const bool is_head = ctx.request().method == Method::head;
    if (is_in_memory && *response.body.size() <= kMostAtOnce) {
      Chunk content;
      response.body.ready(content);
      std::optional<Chunk> compressed = co_await compress_at_once(ctx, content, coding);
      response.body.rewind();
      if (!compressed) co_return response;
      response.body = Body(std::move(*compressed));
    } else if (is_head) {
      // Of unknown size, as that of GET would be. Nobody reads it.
      response.body = Body();
    } else {
      CompressorPool::Lease compressor = take_compressor(ctx, coding);
      if (!compressor) co_return response;
      response.body =
          Body(*new transform::CompressedBody(std::move(response.body), std::move(compressor)));
    }
    describe_content(response.headers, coding);
    co_return response;
  }

  Task<std::optional<Chunk>> compress_at_once(Context& ctx, Chunk content,
                                              ContentCoding coding) const {
    CompressorPool::Lease compressor = take_compressor(ctx, coding);
    if (!compressor) co_return std::nullopt;
    co_return co_await transform::compress_whole(std::move(compressor), std::move(content));
  }

  CompressorPool::Lease take_compressor(Context& ctx, ContentCoding coding) const {
    Half& half = halves_.get(*ctx.env().executor, [this] {
      return std::make_unique<Half>(std::make_shared<CompressorPool>(plan_.levels, memory_));
    });
    return half->take(coding);
  }

  /// A worker's; what is still being compressed keeps it.
  using Half = std::shared_ptr<CompressorPool>;

  static constexpr std::string_view kGrpc = "application/grpc";

  Plan plan_;
  std::size_t memory_;
  mutable WorkerLocal<Half> halves_;
};

}  // namespace

MiddlewarePtr compression(CompressionOptions options) {
  return std::make_shared<const CompressionLayer>(options);
}

}  // namespace gatewaykit
