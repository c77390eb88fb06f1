// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "lib/image/sysfs.h"
#include "lib/image/system.h"

namespace daxfs {
namespace {

namespace fs = std::filesystem;

// /proc files write space, tab, newline and backslash as \ooo.
std::string unescape(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            plain += static_cast<char>(std::strtoul(text.substr(i + 1, 3).c_str(), nullptr, 8));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::optional<std::string> id_of_block_device(const std::string& path) {
    struct stat st {};
    if (path.empty() || path[0] != '/' || stat(path.c_str(), &st) != 0 || !S_ISBLK(st.st_mode))
        return std::nullopt;
    return sysfs::device_id(st.st_rdev);
}

struct Mount {
    std::string device;  // as "259:0"
    std::string point;
    std::string source;
};

std::vector<Mount> all_mounts(const SystemPaths& system) {
    std::vector<Mount> all;
    std::ifstream mounts(system.proc + "/self/mountinfo");
    std::string line;
    while (std::getline(mounts, line)) {
        std::istringstream fields(line);
        std::string id, parent, device, root, point, field, type, source;
        fields >> id >> parent >> device >> root >> point;
        while (fields >> field && field != "-") {
        }
        fields >> type >> source;
        all.push_back({device, unescape(point), unescape(source)});
    }
    return all;
}

// Where one of `ids` (as "259:0") is mounted. Filesystems with device numbers of their own are known by their source.
std::optional<std::string> mount_point(const std::set<std::string>& ids, const SystemPaths& system) {
    for (const Mount& mount : all_mounts(system)) {
        const auto source_id = id_of_block_device(mount.source);
        if (ids.count(mount.device) != 0 || (source_id && ids.count(*source_id) != 0))
            return mount.point;
    }
    return std::nullopt;
}

bool is_swap(const std::string& path, const std::set<std::string>& ids, const SystemPaths& system) {
    std::ifstream swaps(system.proc + "/swaps");
    std::string line;
    std::getline(swaps, line);  // headings
    while (std::getline(swaps, line)) {
        const std::string area = unescape(line.substr(0, line.find_first_of(" \t")));
        const auto id = id_of_block_device(area);
        if (id && ids.count(*id) != 0)
            return true;
        std::error_code error;
        if (fs::equivalent(area, path, error) && !error)
            return true;
    }
    return false;
}

// The device and its partitions.
std::set<std::string> ids_with_partitions(const fs::path& folder, const std::string& id) {
    std::set<std::string> ids = {id};
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (!fs::exists(entry.path() / "partition", error))
            continue;
        if (const auto partition = sysfs::read_line(entry.path() / "dev"))
            ids.insert(*partition);
    }
    return ids;
}

std::optional<std::string> holder(const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / "holders", error))
        return entry.path().filename().string();
    return std::nullopt;
}

// A loop device whose backing file this is, and which is mounted.
std::optional<std::string> loop_user(const std::string& path, const SystemPaths& system) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(system.sys + "/block", error)) {
        const auto backing = sysfs::read_line(entry.path() / "loop/backing_file");
        if (!backing || !fs::equivalent(*backing, path, error) || error)
            continue;
        const auto id = sysfs::read_line(entry.path() / "dev");
        if (!id)
            continue;
        if (const auto point = mount_point(ids_with_partitions(entry.path(), *id), system))
            return "mounted on " + *point + " through " + entry.path().filename().string();
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> block_device_in_use_by(const std::string& path, dev_t device, const SystemPaths& system) {
    const fs::path folder = sysfs::block_device_folder(system.sys, device);
    const auto ids = ids_with_partitions(folder, sysfs::device_id(device));
    if (const auto point = mount_point(ids, system))
        return "mounted on " + *point;
    if (is_swap(path, ids, system))
        return "in use as swap";
    if (const auto name = holder(folder))
        return "in use by " + *name;
    return std::nullopt;
}

std::optional<std::string> in_use_by(const std::string& path, const SystemPaths& system) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0)
        return std::nullopt;
    if (S_ISBLK(st.st_mode))
        return block_device_in_use_by(path, st.st_rdev, system);
    if (is_swap(path, {}, system))
        return "in use as swap";
    return loop_user(path, system);
}

std::optional<std::string> mounted_device(const std::string& directory, const SystemPaths& system) {
    struct stat st {};
    if (stat(directory.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        return std::nullopt;
    const std::string id = sysfs::device_id(st.st_dev);
    for (const Mount& mount : all_mounts(system)) {
        if (mount.device == id && mount.source.starts_with("/dev/"))
            return mount.source;
    }
    return std::nullopt;
}

}  // namespace daxfs
