// SPDX-License-Identifier: GPL-2.0-or-later
//
// A 2 MiB fault needs a device with struct pages behind it (fsdax mode, or a raw namespace of a provider that makes
// them), and blocks that lie on 2 MiB boundaries of physical memory. Sources: drivers/nvdimm/pfn_devs.c (`resource` is
// the address of the data), drivers/nvdimm/pmem.c and block/blk-sysfs.c (`dax`), drivers/dax/super.c (partitions must
// start on a page).
#include <fmt/core.h>

#include "lib/format/daxfs_format.h"
#include "lib/format/geometry.h"
#include "lib/image/dm_table.h"
#include "lib/image/sysfs.h"
#include "lib/image/system.h"

namespace daxfs {
namespace {

namespace fs = std::filesystem;
using Answer = HugePageVerdict::Answer;

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kHugeBytes = std::uint64_t{DAXFS_HUGE_BLOCKS} * DAXFS_BLOCK_SIZE;

struct Placement {
    fs::path disk;      // sysfs folder of the whole disk
    fs::path provider;  // of the device that makes the disk: namespace0.0, pfn0.0, btt0.0 or something else
    std::uint64_t partition_start = 0;  // bytes
    std::uint64_t partition_sectors = 0;
    bool partition = false;
};

std::optional<Placement> place(const std::string& sys, dev_t device) {
    Placement at;
    at.disk = sysfs::block_device_folder(sys, device);
    if (at.disk.empty())
        return std::nullopt;
    std::error_code error;
    if (fs::exists(at.disk / "partition", error)) {
        at.partition = true;
        at.partition_start = sysfs::read_number(at.disk / "start").value_or(0) * kSectorBytes;
        at.partition_sectors = sysfs::read_number(at.disk / "size").value_or(0);
        at.disk = at.disk.parent_path();
    }
    // .../namespace0.0/block/pmem0
    at.provider = at.disk.parent_path().parent_path();
    return at;
}

bool starts_with(const std::string& text, std::string_view prefix) {
    return text.rfind(prefix, 0) == 0;
}

// The namespace to reconfigure: the provider itself, or what it is made over.
std::string namespace_of(const Placement& at) {
    const std::string name = at.provider.filename();
    if (starts_with(name, "namespace"))
        return name;
    return sysfs::read_line(at.provider / "namespace").value_or("NAMESPACE");
}

std::string fsdax_command(const Placement& at) {
    return fmt::format("ndctl create-namespace -f -e {} -m fsdax -a 2M", namespace_of(at));
}

HugePageVerdict no_dax(const Placement& at) {
    const std::string provider = at.provider.filename();
    std::error_code error;
    if (starts_with(provider, "btt"))
        return {Answer::kNo, "the namespace is in sector mode (BTT), which has no DAX", fsdax_command(at), {}};
    if (starts_with(provider, "namespace"))
        return {
            Answer::kNo, "the namespace is in raw mode: without struct pages there is no DAX", fsdax_command(at), {}};
    if (fs::exists(at.disk / "dm", error))
        return {Answer::kNo,
                "the device-mapper device has no DAX: all its parts must be fsdax, and its target linear "
                "or striped",
                "",
                {}};
    return {Answer::kNo, "the device has no DAX: it is not persistent memory", "", {}};
}

std::string boundary_text(std::uint64_t physical_start) {
    if (physical_start % kHugeBytes == 0)
        return fmt::format("it starts on a 2 MiB boundary of physical memory ({:#x})", physical_start);
    return fmt::format(
        "it starts {} KiB behind a 2 MiB boundary of physical memory ({:#x}), which align_blocks "
        "makes up for",
        physical_start % kHugeBytes / 1024, physical_start);
}

// The kernel gives DAX to partitions of whole pages alone.
std::optional<HugePageVerdict> odd_partition(const Placement& at) {
    const std::uint64_t start = at.partition_start / kSectorBytes;
    const std::string parted = fmt::format("parted /dev/{}: make the partition", at.disk.filename().string());
    if (at.partition_start % DAXFS_BLOCK_SIZE != 0)
        return HugePageVerdict{.answer = Answer::kNo,
                               .reason = fmt::format("the partition starts at sector {}, not on a page: no DAX", start),
                               .command = parted + " start at a multiple of 4096s",
                               .physical_start = {},
                               .refused = true};
    if (at.partition_sectors * kSectorBytes % DAXFS_BLOCK_SIZE != 0)
        return HugePageVerdict{
            .answer = Answer::kNo,
            .reason = fmt::format("the partition has {} sectors, no whole pages: no DAX", at.partition_sectors),
            .command = parted + " a multiple of 8s long",
            .physical_start = {},
            .refused = true};
    return std::nullopt;
}

HugePageVerdict device_mapper_verdict(dev_t device) {
    if (const auto obstacle = dm_obstacle(read_dm_table(device)))
        return {.answer = Answer::kNo,
                .reason = *obstacle,
                .command = "lay the device-mapper targets out in multiples of 2 MiB, stripes too",
                .physical_start = {},
                .refused = true};
    return {Answer::kUnknown, "a device made of others: make each part start on a 2 MiB boundary", "", {}};
}

HugePageVerdict dax_verdict(const Placement& at, const std::string& path) {
    if (auto verdict = odd_partition(at))
        return *std::move(verdict);
    const auto resource = sysfs::read_number(at.provider / "resource");
    if (!resource || *resource == 0)
        return {Answer::kUnknown,
                fmt::format("{} does not say where in physical memory it lies (root is told); taken as aligned", path),
                "", at.partition_start};
    const std::uint64_t start = *resource + at.partition_start;
    if (start % DAXFS_BLOCK_SIZE != 0)
        return {Answer::kNo, "it does not start on a page of physical memory", fsdax_command(at), start};
    return {Answer::kYes, boundary_text(start), "", start};
}

}  // namespace

const char* answer_name(Answer answer) {
    switch (answer) {
        case Answer::kYes:
            return "yes";
        case Answer::kNo:
            return "no";
        case Answer::kUnknown:
            break;
    }
    return "unknown";
}

HugePageVerdict huge_page_verdict(const std::string& path, const SystemPaths& system) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0 || !S_ISBLK(st.st_mode))
        return {Answer::kUnknown, "an image file: it depends on the device that it is put on", "", {}};
    return huge_page_verdict_of(st.st_rdev, path, system);
}

HugePageVerdict huge_page_verdict_of(dev_t device, const std::string& path, const SystemPaths& system) {
    const auto at = place(system.sys, device);
    if (!at)
        return {Answer::kUnknown, "the system says nothing about the device", "", {}};
    if (sysfs::read_number(at->disk / "queue/dax").value_or(0) == 0)
        return no_dax(*at);
    std::error_code error;
    if (fs::exists(at->disk / "dm", error))
        return device_mapper_verdict(device);
    if (fs::exists(at->disk / "md", error))
        return {Answer::kUnknown, "a device made of others: make each part start on a 2 MiB boundary", "", {}};
    return dax_verdict(*at, path);
}

HugePageVerdict fit_to_filesystem(HugePageVerdict verdict, std::uint32_t align_blocks) {
    if (verdict.answer != Answer::kYes || !verdict.physical_start)
        return verdict;
    const std::uint64_t groups = *verdict.physical_start + std::uint64_t{align_blocks} * DAXFS_BLOCK_SIZE;
    if (groups % kHugeBytes == 0)
        return verdict;
    verdict.answer = Answer::kNo;
    verdict.reason = fmt::format("the allocation groups lie {} KiB behind a 2 MiB boundary of physical memory",
                                 groups % kHugeBytes / 1024);
    verdict.command =
        fmt::format("mkfs.daxfs --align {} makes a filesystem that fits", align_blocks_for(*verdict.physical_start));
    return verdict;
}

}  // namespace daxfs
