// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/lib_suite.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <vector>

#include "cmd/daxbench/daxbench.h"
#include "lib/base/crc32c.h"
#include "lib/cli/json.h"
#include "lib/make/filesystem.h"
#include "lib/make/plan.h"
#include "lib/tree/directory.h"
#include "lib/tree/extent.h"
#include "lib/tree/inode.h"
#include "lib/tree/volume.h"

namespace daxfs::bench {
namespace {

constexpr std::uint64_t kImageBytes = std::uint64_t{256} << 20;
constexpr std::uint32_t kNames = 10'000;
constexpr std::uint32_t kExtents = 20'000;

// One image for all benchmarks: a directory of kNames files, and a file of kExtents scattered extents.
struct Sample {
    Image image;
    Volume volume;
    InodeNo file;

    static Result<std::unique_ptr<Sample>> make() {
        FormatOptions options{.device_bytes = kImageBytes, .uuid = {1}};
        options.secrets = Secrets::derived_from(options.uuid);
        DAXFS_TRY_ASSIGN(const daxfs_super super, plan_filesystem(options));
        MemorySink sink(kImageBytes);
        FilesystemBuilder builder(super, sink);
        DAXFS_TRY(builder.begin());
        for (std::uint32_t i = 0; i < kNames; ++i)
            DAXFS_TRY(builder.add_file(builder.root(), fmt::format("file{}", i), 0, {}));
        const std::array runs{FileRun{.file_block = 0, .length = kExtents, .scattered = true}};
        DAXFS_TRY_ASSIGN(const InodeNo file, builder.add_file(builder.root(), "extents", 0, runs));
        DAXFS_TRY(builder.finish());
        auto sample = std::make_unique<Sample>(Sample{.image = sink.image(), .volume = {}, .file = file});
        DAXFS_TRY_ASSIGN(sample->volume, open_volume(sample->image));
        return sample;
    }
};

const Sample* sample() {
    static const auto made = Sample::make();
    return made ? made->get() : nullptr;
}

void checksum_of_bytes(benchmark::State& state) {
    const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x5a});
    for (auto step : state)
        benchmark::DoNotOptimize(crc32c(~0u, bytes.data(), bytes.size()));
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(checksum_of_bytes)->Arg(64)->Arg(DAXFS_INODE_SIZE)->Arg(DAXFS_BLOCK_SIZE);

void plan_a_filesystem(benchmark::State& state) {
    FormatOptions options{.device_bytes = static_cast<std::uint64_t>(state.range(0)) << 30};
    for (auto step : state)
        benchmark::DoNotOptimize(plan_filesystem(options));
}
BENCHMARK(plan_a_filesystem)->Arg(1)->Arg(1024);

void iterate_extents(benchmark::State& state) {
    const Sample* s = sample();
    const daxfs_inode* inode = s == nullptr ? nullptr : read_inode(s->volume, s->file).raw;
    if (inode == nullptr)
        return state.SkipWithError("cannot build the sample image");
    for (auto step : state) {
        ExtentCursor cursor(s->volume, *inode);
        while (cursor.next()) {
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kExtents);
}
BENCHMARK(iterate_extents);

void look_up_extents(benchmark::State& state) {
    const Sample* s = sample();
    const daxfs_inode* inode = s == nullptr ? nullptr : read_inode(s->volume, s->file).raw;
    if (inode == nullptr)
        return state.SkipWithError("cannot build the sample image");
    std::uint64_t block = 0;
    for (auto step : state)
        benchmark::DoNotOptimize(find_extent(s->volume, *inode, FileBlock{block++ * 7919 % kExtents}));
}
BENCHMARK(look_up_extents);

void look_up_names(benchmark::State& state) {
    const Sample* s = sample();
    if (s == nullptr)
        return state.SkipWithError("cannot build the sample image");
    std::uint32_t i = 0;
    for (auto step : state)
        benchmark::DoNotOptimize(resolve_path(s->volume, fmt::format("/file{}", i++ * 7919 % kNames)));
}
BENCHMARK(look_up_names);

void iterate_names(benchmark::State& state) {
    const Sample* s = sample();
    const daxfs_inode* root = s == nullptr ? nullptr : read_inode(s->volume, InodeNo{s->volume.super.root_ino}).raw;
    if (root == nullptr)
        return state.SkipWithError("cannot build the sample image");
    for (auto step : state) {
        DirectoryCursor cursor(s->volume, *root);
        while (cursor.next()) {
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kNames);
}
BENCHMARK(iterate_names);

}  // namespace

bool run_lib_suite(const std::string& filter, bool json, cli::Streams& streams) {
    std::string name = "daxbench";
    char* argv[] = {name.data(), nullptr};
    int argc = 1;
    benchmark::Initialize(&argc, argv);
    // Debian's library calls itself a debug build: say what we are.
#ifdef NDEBUG
    benchmark::AddCustomContext("daxfs_build_type", "release");
#else
    benchmark::AddCustomContext("daxfs_build_type", "debug");
#endif
    std::ostringstream text, complaints;
    benchmark::ConsoleReporter console(streams.color ? benchmark::ConsoleReporter::OO_Color
                                                     : benchmark::ConsoleReporter::OO_None);
    benchmark::JSONReporter document;
    benchmark::BenchmarkReporter& reporter = json ? static_cast<benchmark::BenchmarkReporter&>(document) : console;
    reporter.SetOutputStream(json ? &text : &streams.out);
    reporter.SetErrorStream(&complaints);
    if (benchmark::RunSpecifiedBenchmarks(&reporter, filter.empty() ? "." : filter) == 0)
        return false;
    if (json)
        cli::write_json(streams.out, {"daxbench-lib", 1, kProgram.name}, cli::Json::parse(text.str()));
    return true;
}

}  // namespace daxfs::bench
