// SPDX-License-Identifier: GPL-2.0-or-later
// The repair intents in blocks 1 and 2.
#pragma once

#include <optional>

#include "lib/image/image.h"
#include "lib/tree/damage.h"

namespace daxfs {

struct IntentReading {
    const daxfs_intent* raw = nullptr;  // nullptr: unreadable
    bool present = false;               // not all zero
    std::optional<Damage> damage;       // present, but not to be believed
};

// `block` is DAXFS_INTENT_BLOCK_A or DAXFS_INTENT_BLOCK_B.
IntentReading read_intent(const Image& image, BlockNo block);

}  // namespace daxfs
