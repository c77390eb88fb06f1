// SPDX-License-Identifier: GPL-2.0-or-later
// What a device-mapper device is put together from, as far as the module can map it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace daxfs {

struct DmTarget {
    std::uint64_t start = 0;  // in sectors of 512 bytes, as `sectors`
    std::uint64_t sectors = 0;
    std::string type;  // linear, striped, ...
    std::string parameters;
};

// The table of a device, empty where it is none of device-mapper's or the kernel does not tell (it tells root).
std::vector<DmTarget> read_dm_table(dev_t device);

// The answer to DM_TABLE_STATUS: `count` targets in `data`. What does not check out ends the list.
std::vector<DmTarget> parse_dm_targets(std::span<const std::byte> data, std::uint32_t count);

// The module maps pieces of at least 2 MiB (kernel/device.c). Why it cannot here, as a sentence without a full stop.
std::optional<std::string> dm_obstacle(const std::vector<DmTarget>& targets);

}  // namespace daxfs
