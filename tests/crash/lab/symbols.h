// SPDX-License-Identifier: GPL-2.0-or-later
// Names of the module's functions, from the lines of /proc/kallsyms that the guest told.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace daxfs::crash {

class Symbols {
  public:
    void add(std::string_view line);                // "ffffffffc0000000 t name [daxfs]"
    std::string name(std::uint64_t address) const;  // "name+0x12", or the number

  private:
    std::map<std::uint64_t, std::string> names_;
};

}  // namespace daxfs::crash
