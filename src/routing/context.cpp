// SPDX-License-Identifier: Apache-2.0
#include "gatewaykit/routing/context.hpp"

#include <span>

#include "gatewaykit/core/executor.hpp"

namespace gatewaykit {

namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c - 'a' + 10;
}

/// The target was normalised: every '%' begins a well-formed escape.
Chunk decode_escapes(std::string_view text) {
  Buffer owner = Buffer::allocate(text.size());
  char* out = owner.data();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      *out++ = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      *out++ = text[i];
    }
  }
  const std::string_view decoded(owner.data(), static_cast<std::size_t>(out - owner.data()));
  return Chunk(std::move(owner), decoded);
}

}  // namespace

Context::Context(const Env& env, Request&& request, const Peer& peer, const Peer& client,
                 bool trusted, ExchangeHost* host)
    : request_(std::move(request)),
      peer_(peer),
      client_(client),
      scope_(env.scope),
      env_(env),
      host_(host),
      trusted_(trusted) {
  env_.scope = &scope_;
}

Context::~Context() {
  request_.body = Body();  // Its source may refer to all the rest.
  while (states_ != nullptr) {
    State* const newest = std::exchange(states_, states_->next);
    newest->destroy(newest);
  }
}

const Context::Captured* Context::find_param(std::string_view name) const noexcept {
  for (const Captured& param : params_) {
    if (param.raw.name == name) return &param;
  }
  return nullptr;
}

std::string_view Context::param(std::string_view name) const {
  const Captured* const param = find_param(name);
  return param == nullptr ? std::string_view() : param->decoded;
}

std::string_view Context::raw_param(std::string_view name) const {
  const Captured* const param = find_param(name);
  return param == nullptr ? std::string_view() : param->raw.value;
}

void Context::set_route(std::string_view pattern, const RouteParam* params, std::size_t count) {
  route_ = pattern;
  params_.clear();
  for (const RouteParam& raw : std::span(params, count)) {
    params_.push_back({raw, raw.value});
    if (raw.value.find('%') == std::string_view::npos) continue;
    decoded_params_.push_back(decode_escapes(raw.value));
    params_.back().decoded = decoded_params_.back().view();
  }
}

void Context::on_complete(Function<void(const Context&, const Outcome&)> callback) {
  on_complete_.push_back(std::move(callback));
}

void Context::complete(const Outcome& outcome) noexcept {
  while (!on_complete_.empty()) {
    Callback callback = std::move(on_complete_.back());
    on_complete_.pop_back();
    callback(*this, outcome);
  }
}

void Context::spawn(Task<void> task) { scope_.spawn(env_, std::move(task)); }

Task<Result<>> Context::send_interim(Status status, Headers headers) {
  if (host_ == nullptr) co_return Result<>();
  co_return co_await host_->send_interim(status, std::move(headers));
}

void* Context::find_state(const std::type_info& type) const noexcept {
  for (State* state = states_; state != nullptr; state = state->next) {
    if (*state->type == type) return state->value();
  }
  return nullptr;
}

}  // namespace gatewaykit
