// SPDX-License-Identifier: GPL-2.0-or-later
// Files in the page cache (mounted with dax=never): the device hears of writes and stores when they are written back,
// and direct I/O bypasses the cache. Each operation ends where the device must hold what programs see.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <unistd.h>

#include "tests/crash/guest/calls.h"
#include "tests/crash/guest/operations.h"

namespace daxfs::crash {
namespace {

constexpr const char* kFoo = "A/foo";
constexpr const char* kHole = "A/hole";
constexpr const char* kPre = "A/pre";

int then_truncate(int error, const char* path, off_t size) {
    return error != 0 ? error : result(truncate(path, size));
}

}  // namespace

// clang-format off
const std::vector<Operation>& cached_operations() {
    static const std::vector<Operation> all = {
        {"r@/case/A/foo", "cached-overwrite", [] { return then_sync(write_at(kFoo, 3001, 3333), kFoo); }},
        {"c@/case/A/foo", "cached-append", [] { return then_sync(append(kFoo, 9000), kFoo); }},
        {"c@/case/A/bar", "cached-append-64k", [] { return then_sync(append("A/bar", 65536), "A/bar"); }},
        {"rc@/case/A/foo", "cached-overwrite-across-end", [] { return then_sync(write_at(kFoo, 5000, 10000), kFoo); }},
        {"c@/case/A/hole", "cached-write-hole", [] { return then_sync(write_at(kHole, 5 * 4096 + 100, 5000), kHole); }},
        {"c@/case/A/pre", "cached-write-preallocated", [] { return then_sync(write_at(kPre, 5000, 7000), kPre); }},
        {"c@/case/A/bar", "cached-write-behind-end", [] { return then_sync(write_at("A/bar", 30001, 5001), "A/bar"); }},
        {"rc@/case/A/foo", "cached-write-dsync", [] { return write_at(kFoo, 2000, 9000, O_DSYNC); }},
        {"c@*", "cached-append-sync", [] { const int error = append(kFoo, 9000); sync(); return error; }},
        {"r@/case/A/foo", "cached-store-msync", [] { return store_at(kFoo, 1000, 6000, Ending::kMsync); }},
        {"c@/case/A/hole", "cached-store-hole-msync", [] { return store_at(kHole, 5 * 4096 + 50, 5000, Ending::kMsync); }},
        {"c@/case/A/pre", "cached-store-preallocated-msync", [] { return store_at(kPre, 3 * 4096, 5000, Ending::kMsync); }},
        {"n@/case/A/foo", "cached-append-truncate", [] { return then_sync(then_truncate(append(kFoo, 20000), kFoo, 11000), kFoo); }},
        {"n@/case/A/foo", "cached-truncate-down-up", [] { return then_sync(then_truncate(result(truncate(kFoo, 5000)), kFoo, 9000), kFoo); }},
        {"n@/case/A/hole", "cached-write-hole-punch", [] { return then_sync(write_at(kHole, 4 * 4096, 9000), kHole) != 0 ? EIO : then_sync(allocate(kHole, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 * 4096 + 100, 5000), kHole); }},
        {"c@/case/A/foo", "cached-punch-unaligned", [] { return then_sync(allocate(kFoo, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 8500), kFoo); }},
        {"c@/case/A/foo", "cached-zero-range", [] { return then_sync(allocate(kFoo, FALLOC_FL_ZERO_RANGE, 100, 8500), kFoo); }},
        {"-", "cached-collapse", [] { return allocate(kFoo, FALLOC_FL_COLLAPSE_RANGE, 4096, 4096); }},
        {"-", "cached-insert", [] { return allocate(kFoo, FALLOC_FL_INSERT_RANGE, 4096, 8192); }},
        {"-", "cached-truncate-to-block", [] { return result(truncate(kFoo, 4096)); }},
        {"-", "cached-truncate-up", [] { return result(truncate(kFoo, 20000)); }},
        {"c", "cached-unlink-dirty", [] { const File file(kFoo); return pwrite(file.get(), pattern(20000), 20000, 0) != 20000 ? EIO : result(unlink(kFoo)); }},
        {"n@/case/A/foo", "cached-replace-by-rename", [] { const int error = make_file("A/new", 9000); return error != 0 ? error : rename_with("A/new", kFoo, 0); }},
        {"n@/case/A/foo", "cached-replace-by-exchange", [] { const int error = make_file("A/new", 9000); return error != 0 ? error : rename_with("A/new", kFoo, RENAME_EXCHANGE); }},
        {"n@/case/A/foo", "cached-replace-by-truncation", [] { return write_at(kFoo, 0, 9000, O_TRUNC); }},
        {"rc", "direct-overwrite", [] { return write_at(kFoo, 0, 8192, O_DIRECT); }},
        {"c", "direct-append", [] { return write_at(kFoo, 12288, 8192, O_DIRECT); }},
        {"c", "direct-write-hole", [] { return write_at(kHole, 4 * 4096, 8192, O_DIRECT); }},
        {"c", "direct-write-preallocated", [] { return write_at(kPre, 4096, 8192, O_DIRECT); }},
        {"rc@/case/A/hole", "direct-write-hole-edge-fsync", [] { return then_sync(write_at(kHole, 4096, 12288, O_DIRECT), kHole); }},
        {"rc@/case/A/foo", "direct-write-dsync", [] { return write_at(kFoo, 4096, 12288, O_DIRECT | O_DSYNC); }},
    };
    return all;
}
// clang-format on

}  // namespace daxfs::crash
