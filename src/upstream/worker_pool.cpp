// SPDX-License-Identifier: Apache-2.0
#include "upstream/worker_pool.hpp"

#include <algorithm>
#include <string>

#include "gatewaykit/core/error.hpp"

namespace gatewaykit::upstream {

namespace {

std::string name_to_show(const TargetUrl& url, const UpstreamTls& options) {
  if (!options.server_name.empty()) return options.server_name;
  return url.address ? url.address->to_string() : url.host;
}

}  // namespace

PoolShared::PoolShared(UpstreamOptions pool_options)
    : options(std::move(pool_options)), budget(options.retries.budget) {
  std::vector<std::string> problems;
  std::shared_ptr<SSL_CTX> context;
  for (const UpstreamTarget& target : options.targets) {
    TargetUrl url = *TargetUrl::parse(target.url);
    std::shared_ptr<const TlsTarget> tls;
    if (url.is_secure) {
      if (context == nullptr) context = make_client_context(options.tls, problems);
      if (context == nullptr) throw ConfigError(std::move(problems));  // Its files have changed.
      tls = std::make_shared<const TlsTarget>(context, name_to_show(url, options.tls));
    }
    targets.push_back(std::make_unique<Target>(std::move(url), target.weight, options.ejection,
                                               options.dns_interval, std::move(tls)));
  }
}

WorkerPool::WorkerPool(std::shared_ptr<PoolShared> shared, Executor& executor)
    : Timer(&WorkerPool::on_idle_timer),
      shared_(std::move(shared)),
      executor_(executor),
      balancer_(make_balancer(shared_->options.balance, shared_->targets)) {
  for (const std::unique_ptr<Target>& target : shared_->targets) {
    lanes_.push_back(std::make_unique<Lane>(*this, *target));
  }
}

void WorkerPool::abandon() noexcept {
  const Use until_the_end(*this);
  is_abandoned_ = true;
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->drop_unused_since(kNever);
  background_.cancel();
}

void WorkerPool::drop_user() noexcept {
  if (--users_ == 0 && is_abandoned_) delete this;
}

bool WorkerPool::close_oldest_idle() noexcept {
  const auto is_older = [](const std::unique_ptr<Lane>& a, const std::unique_ptr<Lane>& b) {
    return a->oldest_idle_since() < b->oldest_idle_since();
  };
  Lane& lane = **std::min_element(lanes_.begin(), lanes_.end(), is_older);
  if (lane.oldest_idle_since() == kNever) return false;
  lane.close_oldest_idle();
  return true;
}

void WorkerPool::watch_idle(TimePoint now) {
  if (deadline() == kNever) set(executor_.timers(), now + options().keep_alive);
}

void WorkerPool::on_idle_timer(Timer& timer) noexcept {
  auto& self = static_cast<WorkerPool&>(timer);
  const TimePoint now = self.executor_.now();
  const Duration keep_alive = self.options().keep_alive;
  TimePoint oldest = kNever;
  for (const std::unique_ptr<Lane>& lane : self.lanes_) {
    oldest = std::min(oldest, lane->drop_unused_since(now - keep_alive));
  }
  if (oldest != kNever) self.set(self.executor_.timers(), oldest + keep_alive);
}

}  // namespace gatewaykit::upstream
