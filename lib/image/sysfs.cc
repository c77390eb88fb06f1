// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/image/sysfs.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include <sys/sysmacros.h>

namespace daxfs::sysfs {

std::optional<std::string> read_line(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return line;
}

std::optional<std::uint64_t> read_number(const std::filesystem::path& path) {
    const auto line = read_line(path);
    if (!line || line->empty())
        return std::nullopt;
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(line->c_str(), &end, 0);
    if (errno != 0 || end == line->c_str() || *end != '\0')
        return std::nullopt;
    return value;
}

std::string device_id(dev_t device) {
    return std::to_string(major(device)) + ':' + std::to_string(minor(device));
}

std::filesystem::path block_device_folder(const std::string& sys, dev_t device) {
    std::error_code error;
    auto folder = std::filesystem::canonical(std::filesystem::path(sys) / "dev/block" / device_id(device), error);
    return error ? std::filesystem::path() : folder;
}

}  // namespace daxfs::sysfs
