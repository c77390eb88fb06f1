// SPDX-License-Identifier: GPL-2.0-or-later
// Small reads from sysfs and procfs.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace daxfs::sysfs {

// The first line, without its end.
std::optional<std::string> read_line(const std::filesystem::path& path);
// Decimal, or hexadecimal with 0x.
std::optional<std::uint64_t> read_number(const std::filesystem::path& path);
// "259:0"
std::string device_id(dev_t device);
// The device's folder below SYS/devices; empty where there is none.
std::filesystem::path block_device_folder(const std::string& sys, dev_t device);

}  // namespace daxfs::sysfs
