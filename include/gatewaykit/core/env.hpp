// SPDX-License-Identifier: Apache-2.0
// Env: where a coroutine runs and what may cancel it, inherited through the promise at each
// co_await, so that neither loop nor scope appears in a signature.
#pragma once

namespace gatewaykit {

class CancelScope;
class Connector;
class Executor;

struct Env {
  Executor* executor = nullptr;
  CancelScope* scope = nullptr;    ///< None: cannot be cancelled.
  Connector* connector = nullptr;  ///< How pools dial; the test kit brings its own.
};

}  // namespace gatewaykit
