// SPDX-License-Identifier: Apache-2.0
#include "transform/compressor_pool.hpp"

namespace gatewaykit::transform {

CompressorPool::Lease CompressorPool::take(ContentCoding coding) {
  const std::size_t size = size_of(coding);
  if (size > limit_ - in_use_) return {};
  const auto index = static_cast<std::size_t>(coding);
  Resting& resting = resting_[index];
  std::unique_ptr<Compressor> compressor;
  if (resting.empty()) {
    resting.reserve(kMostAtRest);
    compressor = make_compressor(coding, levels_[index]);
    if (compressor == nullptr) return {};
  } else {
    compressor = std::move(resting.back());
    resting.pop_back();
  }
  in_use_ += size;
  return Lease(shared_from_this(), std::move(compressor), coding);
}

void CompressorPool::take_back(std::unique_ptr<Compressor> compressor,
                               ContentCoding coding) noexcept {
  in_use_ -= size_of(coding);
  Resting& resting = resting_[static_cast<std::size_t>(coding)];
  if (resting.size() < kMostAtRest && compressor->restart()) {
    resting.push_back(std::move(compressor));  // There is room: take() has reserved it.
  }
}

void CompressorPool::Lease::give_back() noexcept {
  if (compressor_ == nullptr) return;
  pool_->take_back(std::move(compressor_), coding_);
  pool_.reset();
}

}  // namespace gatewaykit::transform
