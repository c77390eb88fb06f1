// SPDX-License-Identifier: GPL-2.0-or-later
// What a version of these tools may do with a filesystem whose feature words hold bits it does not know: an unknown
// compat bit is ignored, an unknown ro_compat bit allows only reading, an unknown incompat bit allows nothing.
#pragma once

#include <cstdint>
#include <string>

#include "lib/format/daxfs_format.h"

namespace daxfs {

enum class FeatureUse { kRead, kWrite };

// Why `super` cannot be used in this way (its version or a feature bit), as one phrase for a person; empty when it can.
std::string feature_problem(const daxfs_super& super, FeatureUse use);

}  // namespace daxfs
