// SPDX-License-Identifier: GPL-2.0-or-later
// Rewrites the tables of an mdoc page in place: daxfs-mantables [--check] PAGE TRACE_HEADER. With --check it only says
// whether they are as they should be, and exits with 1 where they are not.
#include <fstream>
#include <iostream>
#include <iterator>

#include "lib/cli/tool.h"
#include "lib/dump/troff.h"

namespace daxfs {
namespace {

Result<std::string> read_text(const std::string& path) {
    std::ifstream in(path);
    if (!in)
        return fail("{}: {}", path, errno_text(errno));
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

Result<void> refresh_file(const std::string& path, const std::string& header_path, bool check) {
    DAXFS_TRY_ASSIGN(const std::string page, read_text(path));
    DAXFS_TRY_ASSIGN(const std::string header, read_text(header_path));
    DAXFS_TRY_ASSIGN(const ManTables tables, man_tables(header));
    DAXFS_TRY_ASSIGN(const std::string fresh, refresh_tables(page, tables));
    if (fresh == page)
        return {};
    if (check)
        return fail("{}: its tables are not what the headers say: run `ninja man` and commit it", path);
    std::ofstream out(path, std::ios::trunc);
    out << fresh << std::flush;
    if (!out)
        return fail("{}: {}", path, errno_text(errno));
    return {};
}

int run(cli::Args args, cli::Streams& streams) {
    const bool check = !args.empty() && args[0] == "--check";
    if (args.size() != (check ? 3u : 2u)) {
        streams.err << "usage: daxfs-mantables [--check] PAGE TRACE_HEADER\n";
        return 2;
    }
    const auto result = refresh_file(args[check ? 1 : 0], args[check ? 2 : 1], check);
    if (!result)
        streams.err << "daxfs-mantables: " << result.error().message << '\n';
    return result ? 0 : 1;
}

}  // namespace
}  // namespace daxfs

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, {"daxfs-mantables", 1}, daxfs::run);
}
