// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/completions/completions.h"

#include <tuple>

#include <CLI/CLI.hpp>

#include "cmd/daxbench/daxbench.h"
#include "cmd/daxdb/daxdb.h"
#include "cmd/daxlive/daxlive.h"
#include "cmd/daxlive/options.h"
#include "cmd/daxtrace/daxtrace.h"
#include "cmd/daxtrace/options.h"
#include "cmd/fsck/fsck.h"
#include "cmd/info/info.h"
#include "cmd/mkfs/mkfs.h"
#include "cmd/mkfs/options.h"
#include "cmd/tune/tune.h"
#include "cmd/undo/undo.h"

namespace daxfs::completions {
namespace {

// An app refers to the variables that its options set.
template <typename... Variables>
std::shared_ptr<CLI::App> tool(const cli::Program& program, void (*declare)(CLI::App&, Variables&...)) {
    struct Owner {
        std::tuple<Variables...> variables;
        CLI::App app;
    };
    const auto owner = std::make_shared<Owner>();
    owner->app.name(program.name);
    std::apply([&](Variables&... variables) { declare(owner->app, variables...); }, owner->variables);
    return {owner, &owner->app};
}

}  // namespace

std::vector<std::shared_ptr<CLI::App>> all_tools() {
    return {tool(mkfs::kProgram, mkfs::declare_options),
            tool(fsck::kProgram, fsck::declare_options),
            tool(info_page::kProgram, info_page::declare_options),
            tool(undo::kProgram, undo::declare_options),
            tool(daxdb::kProgram, daxdb::add_options),
            tool(trace::kProgram, trace::declare_options),
            tool(live::kProgram, live::declare_options),
            tool(bench::kProgram, bench::describe),
            tool(tuning::kProgram, tuning::declare_options)};
}

}  // namespace daxfs::completions
