// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/poison.h"

#include <cstring>

#include "lib/image/image.h"
#include "lib/tree/ag.h"
#include "lib/tree/volume.h"

namespace daxfs::crash {

Result<void> poison_free_blocks(const std::string& path) {
    DAXFS_TRY_ASSIGN(Image image, Image::open(path, Access::kWrite));
    DAXFS_TRY_ASSIGN(const Volume volume, open_volume(image));
    const auto poison = [&](BlockNo block) { std::memset(image.stage(block), kPoison, DAXFS_BLOCK_SIZE); };
    for (std::uint64_t ag = 0; ag < volume.initialised_ags(); ++ag) {
        const AgMap map(volume, AgNo{ag}, MapKind::kBlocks);
        for (std::uint64_t bit = 0; bit < map.bits(); ++bit)
            if (!map.test(bit))
                poison(map.device_block(bit));
    }
    if (volume.initialised_ags() < volume.super.ag_count) {
        const BlockNo end{volume.geometry.block_count};
        for (BlockNo block = volume.geometry.ag_start(AgNo{volume.initialised_ags()}); block < end; block = block + 1)
            poison(block);
    }
    return image.write_staged();
}

}  // namespace daxfs::crash
