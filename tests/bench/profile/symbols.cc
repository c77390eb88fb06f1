// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/profile/symbols.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace daxfs::bench {
namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

struct Symbol {
    std::uint64_t address = 0;
    std::string name, module;
};

// "ADDRESS TYPE NAME", and "[MODULE]" behind a tab.
bool parse(const std::string& line, Symbol& symbol) {
    std::istringstream words(line);
    char type = 0;
    symbol.module.clear();
    if (!(words >> std::hex >> symbol.address >> type >> symbol.name))
        return false;
    words >> symbol.module;
    return std::string("tTwW").find(type) != std::string::npos && symbol.address >= kKernelHalf;
}

// The compiler moves what is rare out of a function and jumps there.
void drop_cold(std::string& name) {
    if (const std::size_t at = name.find(".cold"); at != std::string::npos)
        name.resize(at);
}

std::size_t underscores(const std::string& name) {
    return name.find_first_not_of('_');
}

void describe_entry(const std::string& name, Function& function) {
    function.stubs = name == "irq_entries_start" || name == "spurious_entries_start";
    if (function.stubs || name.starts_with("asm_sysvec_") || name == "asm_common_interrupt" ||
        name == "asm_spurious_interrupt")
        function.entry = Function::Entry::kInterrupt;
    else if (name.starts_with("asm_exc_") || name == "entry_SYSCALL_64")
        function.entry = Function::Entry::kException;
}

}  // namespace

Symbols::Symbols(std::istream& kallsyms) {
    std::vector<Symbol> symbols;
    Symbol symbol;
    for (std::string line; std::getline(kallsyms, line);)
        if (parse(line, symbol) && !symbol.name.starts_with("__pfx_"))
            symbols.push_back(symbol);
    // Of several names of one address, the plainest.
    std::stable_sort(symbols.begin(), symbols.end(), [](const Symbol& a, const Symbol& b) {
        return a.address != b.address ? a.address < b.address : underscores(a.name) < underscores(b.name);
    });
    std::map<std::string, Function*> by_name;
    for (Symbol& each : symbols) {
        if (!starts_.empty() && starts_.back().address == each.address)
            continue;
        const bool cold = each.name.find(".cold") != std::string::npos;
        drop_cold(each.name);
        Function*& function = by_name[each.module.empty() ? each.name : each.name + " " + each.module];
        if (function == nullptr) {
            function = &functions_.emplace_back();
            function->name = each.module.empty() ? each.name : each.name + " " + each.module;
            describe_entry(each.name, *function);
        }
        if (!cold)
            function->start = each.address;
        starts_.push_back({each.address, function});
    }
}

const Function& Symbols::at(std::uint64_t pc) const {
    if (pc < kKernelHalf)
        return user_;
    const auto behind =
        std::upper_bound(starts_.begin(), starts_.end(), pc,
                         [](std::uint64_t address, const Start& start) { return address < start.address; });
    return behind == starts_.begin() ? unknown_ : *std::prev(behind)->function;
}

}  // namespace daxfs::bench
