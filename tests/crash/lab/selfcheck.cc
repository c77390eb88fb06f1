// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/selfcheck.h"

#include <fmt/format.h>

#include "tests/crash/lab/memory.h"

namespace daxfs::crash {

Result<SelfCheck> selfcheck(const Trace& trace) {
    std::vector<std::byte> durable = trace.base();
    std::uint64_t changed = 0;
    Memory memory(durable, [&](std::uint64_t, std::uint64_t, std::uint64_t) { ++changed; });
    SelfCheck result;
    std::string form;
    for (const Event& event : trace.events()) {
        memory.apply(event);
        if (event.record.kind != Kind::kMark)
            continue;
        const auto mark = static_cast<Mark>(event.record.detail);
        if (mark == Mark::kOperation) {
            memory.settle();
            changed = 0;
            form = event.text();
        } else if (mark == Mark::kDone) {
            ++result.forms;
            const bool pending = !memory.choices().empty();
            if (form.starts_with("d ") && (pending || changed == 0))
                result.wrong.push_back(
                    fmt::format("{}: should be durable; {}", form.substr(2), pending ? "may be lost" : "was not seen"));
            if (form.starts_with("p ") && (!pending || changed != 0))
                result.wrong.push_back(fmt::format("{}: may be lost; {}", form.substr(2),
                                                   pending ? "is partly durable" : "is taken for durable"));
        }
    }
    if (result.forms == 0)
        return fail("the trace has no forms");
    return result;
}

}  // namespace daxfs::crash
