// SPDX-License-Identifier: Apache-2.0
// CompressorPool: the compressors of one worker. Bounds what they take together, and keeps a few
// that are at rest, since making one costs more than a small response does. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "transform/compressor.hpp"

namespace gatewaykit::transform {

class CompressorPool : public std::enable_shared_from_this<CompressorPool> {
 public:
  /// The level of each coding, in the order of ContentCoding.
  using LevelSet = std::array<int, 3>;

  /// A compressor in use. Keeps the pool alive; gives the compressor back when it goes.
  class Lease {
   public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        give_back();
        pool_ = std::move(other.pool_);
        compressor_ = std::move(other.compressor_);
        coding_ = other.coding_;
      }
      return *this;
    }
    ~Lease() { give_back(); }

    explicit operator bool() const noexcept { return compressor_ != nullptr; }
    Compressor* operator->() const noexcept { return compressor_.get(); }
    void give_back() noexcept;

   private:
    friend class CompressorPool;
    Lease(std::shared_ptr<CompressorPool> pool, std::unique_ptr<Compressor> compressor,
          ContentCoding coding) noexcept
        : pool_(std::move(pool)), compressor_(std::move(compressor)), coding_(coding) {}

    std::shared_ptr<CompressorPool> pool_;
    std::unique_ptr<Compressor> compressor_;
    ContentCoding coding_{};
  };

  /// `limit`: bytes that compressors in use may take together.
  CompressorPool(const LevelSet& levels, std::size_t limit) : levels_(levels), limit_(limit) {}

  /// Empty where the limit is reached or there is no memory.
  Lease take(ContentCoding coding);

  /// Bytes that compressors in use take, and how many are at rest.
  std::size_t in_use() const noexcept { return in_use_; }
  std::size_t at_rest(ContentCoding coding) const noexcept { return rest_of(coding).size(); }

 private:
  static constexpr std::size_t kMostAtRest = 8;  // Of each coding.

  using Resting = std::vector<std::unique_ptr<Compressor>>;
  const Resting& rest_of(ContentCoding coding) const noexcept {
    return resting_[static_cast<std::size_t>(coding)];
  }
  std::size_t size_of(ContentCoding coding) const noexcept {
    return memory_of(coding, levels_[static_cast<std::size_t>(coding)]);
  }
  void take_back(std::unique_ptr<Compressor> compressor, ContentCoding coding) noexcept;

  LevelSet levels_;
  std::size_t limit_;
  std::size_t in_use_ = 0;
  std::array<Resting, 3> resting_;
};

}  // namespace gatewaykit::transform
