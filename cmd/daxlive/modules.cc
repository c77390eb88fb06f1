// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/modules.h"

#include <algorithm>
#include <set>

#include "cmd/daxlive/process.h"

namespace daxfs::live {
namespace {

// Loaded at boot. crc32c-intel comes before everything that asks for a crc32c: the generic one is three times slower.
const std::vector<std::string> kBootModules{"virtio_pci", "virtio_console", "crc32c_intel",
                                            "nd_btt",     "nd_pmem",        "nd_e820"};
// In the guest for modprobe and mount.
const std::vector<std::string> kReadyModules{
    "ext4", "xfs", "9p", "9pnet_virtio", "libcrc32c", "loop", "brd", "virtio_blk", "crc32c_generic", "fuse", "dm_mod"};

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find(separator, start), text.size());
        if (end > start)
            parts.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

std::string dependency_lines(const ModuleIndex& index, const std::vector<std::string>& names) {
    std::string lines;
    for (const std::string& name : names) {
        lines += name + ".ko:";
        std::vector<std::string> order = index.load_order({name});
        // modprobe loads the last of a line first.
        for (auto file = order.rbegin(); file != order.rend(); ++file) {
            if (module_name(*file) != name)
                lines += " " + module_name(*file) + ".ko";
        }
        lines += '\n';
    }
    return lines;
}

Result<void> add_daxfs(const ModuleIndex& index, const std::string& daxfs, GuestModules& chosen,
                       std::vector<std::string>& wanted) {
    DAXFS_TRY_ASSIGN(const std::string bytes, read_whole_file(daxfs));
    if (!bytes.starts_with("\x7f"
                           "ELF"))
        return fail("{}: not a kernel module", daxfs);
    const std::vector<std::string> needs = module_dependencies(bytes);
    wanted.insert(wanted.end(), needs.begin(), needs.end());
    for (const std::string& file : index.load_order(needs))
        chosen.load_first.push_back(module_name(file));
    chosen.load_first.push_back("daxfs");
    return {};
}

}  // namespace

std::string module_name(std::string_view file) {
    std::string name(file.substr(file.rfind('/') + 1));
    if (const std::size_t ko = name.find(".ko"); ko != std::string::npos)
        name.resize(ko);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

ModuleIndex ModuleIndex::parse(std::string_view modules_dep) {
    ModuleIndex index;
    for (const std::string_view line : split(modules_dep, '\n')) {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0)
            continue;
        Module module{std::string(line.substr(0, colon)), {}};
        for (const std::string_view file : split(line.substr(colon + 1), ' '))
            module.needs.push_back(module_name(file));
        index.modules_.insert_or_assign(module_name(module.file), std::move(module));
    }
    return index;
}

bool ModuleIndex::contains(std::string_view name) const {
    return modules_.contains(module_name(name));
}

// Depth first, without recursion: a file made by somebody else decides how deep it goes.
std::vector<std::string> ModuleIndex::load_order(const std::vector<std::string>& names) const {
    std::vector<std::string> order;
    std::set<std::string> entered, placed;
    std::vector<std::string> stack(names.rbegin(), names.rend());
    while (!stack.empty()) {
        const std::string name = module_name(stack.back());
        const auto found = modules_.find(name);
        if (found == modules_.end() || placed.contains(name)) {
            stack.pop_back();
            continue;
        }
        if (!entered.insert(name).second) {  // back from what it needs
            stack.pop_back();
            placed.insert(name);
            order.push_back(found->second.file);
            continue;
        }
        for (const std::string& need : found->second.needs) {
            if (!entered.contains(need))
                stack.push_back(need);
        }
    }
    return order;
}

std::vector<std::string> module_dependencies(std::string_view ko) {
    constexpr std::string_view kKey("\0depends=", 9);
    const std::size_t start = ko.find(kKey);
    if (start == std::string_view::npos)
        return {};
    const std::string_view rest = ko.substr(start + kKey.size());
    std::vector<std::string> names;
    for (const std::string_view name : split(rest.substr(0, rest.find('\0')), ','))
        names.push_back(module_name(name));
    return names;
}

std::string filter_aliases(std::string_view modules_alias, const std::vector<std::string>& names) {
    std::string kept;
    for (const std::string_view line : split(modules_alias, '\n')) {
        const std::string name = module_name(line.substr(line.rfind(' ') + 1));
        if (line.starts_with("alias ") && std::find(names.begin(), names.end(), name) != names.end())
            kept.append(line).push_back('\n');
    }
    return kept;
}

Result<GuestModules> choose_modules(const std::string& directory, const std::string& daxfs) {
    GuestModules chosen;
    ModuleIndex index;
    std::string aliases;
    if (!directory.empty()) {
        DAXFS_TRY_ASSIGN(const std::string modules_dep, read_whole_file(directory + "/modules.dep"));
        DAXFS_TRY_ASSIGN(aliases, read_whole_file(directory + "/modules.alias"));
        index = ModuleIndex::parse(modules_dep);
    }
    std::vector<std::string> wanted = kBootModules;
    wanted.insert(wanted.end(), kReadyModules.begin(), kReadyModules.end());
    for (const std::string& file : index.load_order(kBootModules))
        chosen.load_first.push_back(module_name(file));
    if (!daxfs.empty())
        DAXFS_TRY(add_daxfs(index, daxfs, chosen, wanted));
    std::vector<std::string> names;
    for (const std::string& file : index.load_order(wanted)) {
        names.push_back(module_name(file));
        chosen.files.push_back({names.back(), directory + "/" + file});
    }
    chosen.dependencies = dependency_lines(index, names);
    chosen.aliases = filter_aliases(aliases, names);
    if (!daxfs.empty()) {
        chosen.files.push_back({"daxfs", daxfs});
        chosen.dependencies += "daxfs.ko:\n";
        chosen.aliases += "alias fs-daxfs daxfs\n";
    }
    return chosen;
}

}  // namespace daxfs::live
