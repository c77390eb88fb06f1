// SPDX-License-Identifier: GPL-2.0-or-later
// Rewrites the tables of an mdoc page in place: daxfs-mantables PAGE.
#include <fstream>
#include <iostream>
#include <iterator>

#include "lib/cli/tool.h"
#include "lib/dump/troff.h"

namespace daxfs {
namespace {

Result<void> refresh_file(const std::string& path) {
    std::ifstream in(path);
    if (!in)
        return fail("{}: {}", path, errno_text(errno));
    const std::string page{std::istreambuf_iterator<char>(in), {}};
    DAXFS_TRY_ASSIGN(const std::string fresh, refresh_tables(page));
    if (fresh == page)
        return {};
    std::ofstream out(path, std::ios::trunc);
    out << fresh << std::flush;
    if (!out)
        return fail("{}: {}", path, errno_text(errno));
    return {};
}

int run(cli::Args args, cli::Streams& streams) {
    if (args.size() != 1) {
        streams.err << "usage: daxfs-mantables PAGE\n";
        return 2;
    }
    const auto result = refresh_file(args[0]);
    if (!result)
        streams.err << "daxfs-mantables: " << result.error().message << '\n';
    return result ? 0 : 1;
}

}  // namespace
}  // namespace daxfs

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, 1, daxfs::run);
}
