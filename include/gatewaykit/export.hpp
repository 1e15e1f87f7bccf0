// SPDX-License-Identifier: Apache-2.0
//
// GATEWAYKIT_EXPORT marks what a shared build of the library shows to its host: the library is
// compiled with hidden visibility, so a public class or function with a definition in src/ needs
// the mark, and templates or inline code do not.
#pragma once

#define GATEWAYKIT_EXPORT __attribute__((visibility("default")))
