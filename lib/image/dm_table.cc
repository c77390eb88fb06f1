// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sources: include/uapi/linux/dm-ioctl.h; drivers/md/dm-linear.c ("DEVICE OFFSET"), drivers/md/dm-stripe.c ("STRIPES
// CHUNK DEVICE OFFSET ...").
#include "lib/image/dm_table.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

#include <fmt/core.h>

namespace daxfs {
namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kPieceSectors = (std::uint64_t{2} << 20) / kSectorBytes;
constexpr std::size_t kMaxTable = std::size_t{4} << 20;

// Of struct dm_ioctl: major and minor as the kernel packs them.
std::uint64_t packed(dev_t device) {
    const std::uint64_t low = minor(device);
    return (low & 0xff) | std::uint64_t{major(device)} << 8 | (low & ~std::uint64_t{0xff}) << 12;
}

// Does a linear part go on where the one before it ends, on the same device?
bool continues(const DmTarget& before, const DmTarget& target) {
    if (before.type != "linear" || target.type != "linear")
        return false;
    std::istringstream one(before.parameters);
    std::istringstream other(target.parameters);
    std::string device;
    std::string same_device;
    std::uint64_t offset = 0;
    std::uint64_t next = 0;
    return one >> device >> offset && other >> same_device >> next && device == same_device &&
           next == offset + before.sectors;
}

std::uint64_t chunk_of(const DmTarget& target) {
    std::istringstream parameters(target.parameters);
    std::uint64_t stripes = 0;
    std::uint64_t chunk = 0;
    return parameters >> stripes >> chunk ? chunk : 0;
}

}  // namespace

std::vector<DmTarget> parse_dm_targets(std::span<const std::byte> data, std::uint32_t count) {
    std::vector<DmTarget> targets;
    std::size_t at = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        dm_target_spec spec{};
        if (at > data.size() || data.size() - at < sizeof(spec))
            break;
        std::memcpy(&spec, data.data() + at, sizeof(spec));
        const auto* text = reinterpret_cast<const char*>(data.data() + at + sizeof(spec));
        targets.push_back({.start = spec.sector_start,
                           .sectors = spec.length,
                           .type = std::string(spec.target_type, strnlen(spec.target_type, sizeof(spec.target_type))),
                           .parameters = std::string(text, strnlen(text, data.size() - at - sizeof(spec)))});
        // From the start of the data, not from this target.
        if (spec.next <= at)
            break;
        at = spec.next;
    }
    return targets;
}

std::vector<DmTarget> read_dm_table(dev_t device) {
    const int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return {};
    std::vector<DmTarget> targets;
    for (std::size_t bytes = 16384; bytes <= kMaxTable; bytes *= 4) {
        std::vector<std::byte> buffer(bytes);
        dm_ioctl request{};
        request.version[0] = DM_VERSION_MAJOR;
        request.data_size = static_cast<std::uint32_t>(bytes);
        request.data_start = sizeof(request);
        request.flags = DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG;
        request.dev = packed(device);
        std::memcpy(buffer.data(), &request, sizeof(request));
        if (ioctl(control, DM_TABLE_STATUS, buffer.data()) != 0)
            break;
        std::memcpy(&request, buffer.data(), sizeof(request));
        if ((request.flags & DM_BUFFER_FULL_FLAG) != 0 || request.data_start > bytes)
            continue;
        targets = parse_dm_targets(std::span(buffer).subspan(request.data_start), request.target_count);
        break;
    }
    close(control);
    return targets;
}

std::optional<std::string> dm_obstacle(const std::vector<DmTarget>& targets) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const DmTarget& target = targets[i];
        if (i > 0 && target.start % kPieceSectors != 0 && !continues(targets[i - 1], target))
            return fmt::format("a part of the device starts at its sector {}, which is no multiple of 2 MiB",
                               target.start);
        if (target.type == "striped" && chunk_of(target) % kPieceSectors != 0)
            return fmt::format("the device is put together from stripes of {} KiB, not of a multiple of 2 MiB",
                               chunk_of(target) * kSectorBytes / 1024);
    }
    return std::nullopt;
}

}  // namespace daxfs
