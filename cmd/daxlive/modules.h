// SPDX-License-Identifier: GPL-2.0-or-later
// Which kernel modules a guest needs, in which order they load, and the index files for modprobe in the guest.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace daxfs::live {

// modules.dep: for each module its file (relative to lib/modules/RELEASE) and the files it needs.
class ModuleIndex {
  public:
    static ModuleIndex parse(std::string_view modules_dep);

    // The files of `names` and of all they need, each once, each behind what it needs. A name that is no module here
    // is built into the kernel, or absent: it adds nothing.
    std::vector<std::string> load_order(const std::vector<std::string>& names) const;

    bool contains(std::string_view name) const;

  private:
    struct Module {
        std::string file;
        std::vector<std::string> needs;  // names
    };
    std::map<std::string, Module, std::less<>> modules_;
};

// "kernel/fs/ext4/ext4.ko.xz" is module "ext4"; '-' and '_' are the same letter.
std::string module_name(std::string_view file);

// The modules that a .ko says it depends on.
std::vector<std::string> module_dependencies(std::string_view ko);

// The lines of modules.alias that lead to one of these modules.
std::string filter_aliases(std::string_view modules_alias, const std::vector<std::string>& names);

// What the guest is given.
struct GuestModules {
    struct File {
        std::string name;    // ext4
        std::string source;  // path on this machine
    };
    std::vector<File> files;              // in load order
    std::vector<std::string> load_first;  // names: loaded at boot, in this order
    std::string dependencies;             // modules.dep of the guest: flat, NAME.ko
    std::string aliases;                  // modules.alias of the guest
};

// `directory` is lib/modules/RELEASE, or empty when all is built in; `daxfs` is our module, or empty.
Result<GuestModules> choose_modules(const std::string& directory, const std::string& daxfs);

}  // namespace daxfs::live
