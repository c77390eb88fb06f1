// SPDX-License-Identifier: GPL-2.0-or-later
// Writes the kernel's initramfs format: cpio "newc". Parts written one behind the other are one archive to the kernel,
// and a later entry replaces an earlier one.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace daxfs::live {

class CpioWriter {
  public:
    // `path` is relative to the guest's root, with or without a leading slash; missing parents are made first.
    Result<void> add_directory(std::string_view path, unsigned permissions = 0755);
    Result<void> add_file(std::string_view path, unsigned permissions, std::string_view bytes);
    Result<void> add_link(std::string_view path, std::string_view target);
    Result<void> add_console();  // /dev/console, which the kernel opens for init before /dev is mounted

    // The archive, closed and padded to 512 bytes.
    std::string finish() &&;

  private:
    struct Entry {
        std::string_view path;
        unsigned mode;
        std::string_view bytes;
        unsigned device_major = 0;
        unsigned device_minor = 0;
    };

    Result<std::string> clean(std::string_view path);
    Result<void> add_parents(const std::string& path);
    void write(const Entry& entry);

    std::string archive_;
    std::set<std::string, std::less<>> directories_;
    std::uint32_t next_inode_ = 1;
};

}  // namespace daxfs::live
