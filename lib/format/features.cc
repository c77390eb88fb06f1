// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/features.h"

#include <fmt/core.h>

namespace daxfs {

std::string feature_problem(const daxfs_super& super, FeatureUse use) {
    if (super.version != DAXFS_VERSION_1)
        return fmt::format("format version {} is not known here (only {}); newer tools are needed",
                           std::uint32_t{super.version}, DAXFS_VERSION_1);
    if (const std::uint32_t unknown = super.incompat & ~DAXFS_INCOMPAT_KNOWN)
        return fmt::format("unknown incompat features {:#x}; newer tools are needed", unknown);
    const std::uint32_t unknown_ro = super.ro_compat & ~DAXFS_RO_COMPAT_KNOWN;
    if (unknown_ro != 0 && use == FeatureUse::kWrite)
        return fmt::format("unknown ro_compat features {:#x}; it can only be read here", unknown_ro);
    return {};
}

}  // namespace daxfs
