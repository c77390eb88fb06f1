// SPDX-License-Identifier: GPL-2.0-or-later
// Replays the traces of a run and reports. `tests/scale/run` records them.
//   replay [--line N] [--fence N] [--json] FOLDER FILESYSTEM...
// FOLDER has FILESYSTEM.manifest, whose Nth line says what FILESYSTEM.N.trace is of.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "lib/base/result.h"
#include "lib/cli/tool.h"
#include "tests/scale/model/report.h"

namespace daxfs::scale {
namespace {

constexpr int kTrouble = 1, kUsage = 2;
constexpr unsigned kProcessors[] = {1, 2, 4, 8, 16, 32, 64};

struct Options {
    Costs costs;
    bool json = false;
    std::string folder;
    std::vector<std::string> filesystems;
};

Result<Curve> curve_in(const std::string& path, const Options& options) {
    std::ifstream file(path);
    Trace trace;
    std::string error;
    if (!file)
        return fail("{}: {}", path, errno_text(errno));
    if (!read_trace(file, trace, error))
        return fail("{}: {}", path, error);
    std::vector<unsigned> counts;
    for (const unsigned count : kProcessors)
        if (count <= trace.tasks.size())
            counts.push_back(count);
    return curve_of(trace, counts, options.costs);
}

Result<std::vector<Curve>> curves_of(const Options& options) {
    std::vector<Curve> curves;
    for (const std::string& filesystem : options.filesystems) {
        const std::string stem = options.folder + "/" + filesystem;
        std::ifstream manifest(stem + ".manifest");
        std::string line;
        for (unsigned number = 0; std::getline(manifest, line); ++number) {
            DAXFS_TRY_ASSIGN(Curve curve, curve_in(fmt::format("{}.{}.trace", stem, number), options));
            curve.filesystem = filesystem;
            curve.own_directories = line.starts_with("own ");
            curve.operation = line.substr(std::min(line.size(), line.find(' ') + 1));
            curves.push_back(std::move(curve));
        }
    }
    if (curves.empty())
        return fail("{}: no recordings of {}", options.folder, fmt::join(options.filesystems, ", "));
    return curves;
}

int run(cli::Args args, cli::Streams& streams) {
    Options options;
    CLI::App app("Replays what one processor's operations share on 1 to 64 processors", "scale");
    app.add_option("--line", options.costs.line, "Instructions in the time that a line of another processor takes");
    app.add_option("--fence", options.costs.fence, "... that a fence takes");
    app.add_flag("--json", options.json, "JSON instead of tables");
    app.add_option("FOLDER", options.folder)->required();
    app.add_option("FILESYSTEM", options.filesystems)->required();
    if (const auto exit_code = cli::parse(app, args, streams, kUsage))
        return *exit_code;
    const auto curves = curves_of(options);
    if (!curves) {
        streams.err << "scale: " << curves.error().message << '\n';
        return kTrouble;
    }
    streams.out << (options.json ? json_of(*curves, options.costs) : markdown_of(*curves, options.costs));
    return 0;
}

}  // namespace
}  // namespace daxfs::scale

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, {"scale", daxfs::scale::kTrouble}, daxfs::scale::run);
}
