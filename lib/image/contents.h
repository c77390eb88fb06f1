// SPDX-License-Identifier: GPL-2.0-or-later
// What is on a device before mkfs: filesystems and partition tables that libblkid knows, and an older daxfs, also one
// whose superblock is damaged.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/strong.h"
#include "lib/image/device.h"

namespace daxfs {

struct Contents {
    std::vector<std::string> found;        // phrases such as "ext4 filesystem", the most telling first
    std::vector<BlockNo> own_superblocks;  // superblock and copies of an older daxfs
};

Result<Contents> inspect_contents(const Device& device);

// Makes all of it unrecognisable: the signatures that libblkid finds, and the superblocks listed in `contents`.
Result<void> wipe_contents(Device& device, const Contents& contents);

}  // namespace daxfs
