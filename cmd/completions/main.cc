// SPDX-License-Identifier: GPL-2.0-or-later
// Writes what shells complete: daxfs-completions FOLDER makes FOLDER/bash/TOOL and FOLDER/zsh/_TOOL.
#include <filesystem>
#include <fstream>
#include <ostream>

#include <CLI/CLI.hpp>

#include "cmd/completions/completions.h"
#include "lib/base/result.h"
#include "lib/cli/tool.h"

namespace daxfs::completions {
namespace {

constexpr cli::Program kProgram{.name = "daxfs-completions", .trouble_exit = 1};

Result<void> write(const std::filesystem::path& path, const std::string& text) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    std::ofstream file(path);
    file << text << std::flush;
    if (!file)
        return fail("{}: cannot be written", path.string());
    return {};
}

Result<void> write_all(const std::filesystem::path& folder) {
    for (const auto& tool : all_tools()) {
        DAXFS_TRY(write(folder / "bash" / tool->get_name(), bash_completion(*tool)));
        DAXFS_TRY(write(folder / "zsh" / ("_" + tool->get_name()), zsh_completion(*tool)));
    }
    return {};
}

int run(cli::Args args, cli::Streams& streams) {
    if (args.size() != 1)
        return cli::complain(streams, kProgram.name, false, 2, "usage: daxfs-completions FOLDER");
    const auto done = write_all(args[0]);
    return done ? 0 : cli::complain(streams, kProgram.name, false, 1, done.error().message);
}

}  // namespace
}  // namespace daxfs::completions

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::completions::kProgram, daxfs::completions::run);
}
