// SPDX-License-Identifier: Apache-2.0
// ServedRoutes: the routes that one worker goes by. Exchanges that run when they are swapped keep
// the old ones, which are let go of with the last of these: counted per worker, so that a request
// costs no atomic operation. The worker's thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "gatewaykit/core/function.hpp"
#include "routing/route_set.hpp"

namespace gatewaykit::server {

class ServedRoutes {
  struct Generation {
    ServedRoutes& owner;
    std::shared_ptr<const RouteSet> routes;
    std::size_t uses;
  };

 public:
  /// Keeps the routes of its making for as long as it lives.
  class Use {
   public:
    Use() noexcept = default;
    Use(Use&& other) noexcept : generation_(std::exchange(other.generation_, nullptr)) {}
    Use& operator=(Use&& other) noexcept {
      std::swap(generation_, other.generation_);
      return *this;
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (generation_ != nullptr) drop(generation_);
    }
    const RouteSet* operator->() const noexcept { return generation_->routes.get(); }

   private:
    friend class ServedRoutes;
    explicit Use(Generation* generation) noexcept : generation_(generation) { ++generation->uses; }

    Generation* generation_ = nullptr;
  };

  using Dispose = Function<void(std::shared_ptr<const RouteSet>)>;

  /// `dispose` gets routes that nothing on this worker uses any more: to destroy them may take
  /// long.
  explicit ServedRoutes(Dispose dispose) : dispose_(std::move(dispose)) {}
  ServedRoutes(const ServedRoutes&) = delete;
  ServedRoutes& operator=(const ServedRoutes&) = delete;

  Use use() const noexcept { return Use(current_.generation_); }
  void swap(std::shared_ptr<const RouteSet> routes) {
    current_ = Use(new Generation{*this, std::move(routes), 0});
  }

 private:
  static void drop(Generation* generation) {
    if (--generation->uses > 0) return;
    generation->owner.dispose_(std::move(generation->routes));
    delete generation;
  }

  Dispose dispose_;
  Use current_;
};

}  // namespace gatewaykit::server
