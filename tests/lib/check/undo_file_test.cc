// SPDX-License-Identifier: GPL-2.0-or-later
// The way back from a repair: whatever was cut off, repair or undo, the device ends as it was.
#include "lib/check/undo_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "lib/base/crc32c.h"
#include "lib/tree/intent.h"
#include "tests/lib/check/staged_repair.h"

namespace daxfs {
namespace {

using test::Bytes;
using test::kIntentA;
using test::kIntentB;
using test::kPlace;
using test::must;
using test::StoreTrace;
using testing::HasSubstr;

class UndoTest : public testing::Test {
  protected:
    UndoTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "daxfs-undo-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        path_ = folder_ + "/undo";
    }
    ~UndoTest() override { std::filesystem::remove_all(folder_); }

    // A repair as fsck.daxfs makes it, with a way back: nothing is stored before there is one.
    void repair(const std::function<void(Image&)>& edit, const RedoPlace& place = {.runs = {kPlace}}) {
        end_ = start_;
        Image image = end_.image();
        edit(image);
        trace_.record(image);
        EXPECT_GT(must(write_undo_file(image, path_)), 0u);
        EXPECT_TRUE(trace_.events.empty());
        must(commit_staged(image, place));
        struct stat st {};
        EXPECT_EQ(stat(path_.c_str(), &st), 0);
        EXPECT_EQ(st.st_mode & 0777, 0600u);
    }
    void repair_blocks(std::uint32_t seed, std::size_t blocks) {
        repair([&](Image& image) {
            test::edit_at_random(image, seed, blocks);
            test::relabel(image);
        });
    }

    UndoOutcome undo(Bytes& device, const UndoOptions& options = {}, StoreTrace* trace = nullptr) {
        Image image = device.image();
        if (trace != nullptr)
            trace->record(image);
        UndoFile file = must(UndoFile::open(path_));
        return must(undo_repair(image, file, options));
    }
    bool is_as_it_was(const Bytes& device) const {
        return test::same_but_for_scratch(device, start_) && device.same(kIntentA, start_) &&
               device.same(kIntentB, start_);
    }
    std::string refusal(Bytes device, const UndoOptions& options = {}) {
        const Bytes before = device;
        StoreTrace trace;
        const UndoOutcome outcome = undo(device, options, &trace);
        EXPECT_TRUE(trace.events.empty());
        for (BlockNo block; block < device.end(); ++block)
            EXPECT_TRUE(device.same(block, before));
        return outcome.refusal;
    }

    std::string read_file() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write_file(const std::string& bytes) const {
        std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }

    std::string folder_;
    std::string path_;
    Bytes start_ = test::make_device();
    Bytes end_ = start_;
    StoreTrace trace_;
};

TEST_F(UndoTest, PutsEveryByteBack) {
    repair_blocks(1, 20);
    EXPECT_FALSE(is_as_it_was(end_));
    const UndoOutcome outcome = undo(end_);
    EXPECT_EQ(outcome.refusal, "");
    EXPECT_GT(outcome.bytes, 0u);
    EXPECT_TRUE(is_as_it_was(end_));
    // Once more there is nothing to change, and it does no harm.
    EXPECT_EQ(undo(end_).refusal, "");
    EXPECT_TRUE(is_as_it_was(end_));
}

TEST_F(UndoTest, PutsBackWhatStoodInTheIntents) {
    std::fill_n(start_[kIntentA], DAXFS_BLOCK_SIZE, std::byte{0xee});
    start_[kIntentB][4095] = std::byte{1};
    repair_blocks(2, 3);
    EXPECT_TRUE(test::is_zero(end_[kIntentA]) && test::is_zero(end_[kIntentB]));
    EXPECT_EQ(undo(end_).refusal, "");
    EXPECT_TRUE(is_as_it_was(end_));
}

TEST_F(UndoTest, ADryRunWritesNothing) {
    repair_blocks(3, 5);
    Bytes device = end_;
    StoreTrace trace;
    const UndoOutcome outcome = undo(device, {.access = Access::kRead}, &trace);
    EXPECT_EQ(outcome.refusal, "");
    EXPECT_GT(outcome.records, 4u);
    EXPECT_TRUE(trace.events.empty());
}

TEST_F(UndoTest, NothingToChangeMakesNoFile) {
    Image image = start_.image();
    image.stage(BlockNo{7});
    EXPECT_EQ(must(write_undo_file(image, path_)), 0u);
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UndoTest, AFileThatIsThereIsNotWrittenOver) {
    write_file("precious");
    Image image = start_.image();
    test::edit_at_random(image, 1, 1);
    const auto result = write_undo_file(image, path_);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("is there already"));
    EXPECT_EQ(read_file(), "precious");
    EXPECT_FALSE(write_undo_file(image, folder_ + "/none/undo"));
}

TEST_F(UndoTest, AFileThatCannotBeFinishedIsRemoved) {
    Image image = start_.image();
    test::edit_at_random(image, 1, 40);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto result = write_undo_file(image, path_);
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("cannot write"));
    EXPECT_FALSE(std::filesystem::exists(path_));
}

// Repairs in one transaction and in rounds, cut off anywhere.
TEST_F(UndoTest, LeadsBackFromARepairThatWasCutOffAnywhere) {
    for (const std::uint64_t place : {90u, 3u}) {
        std::filesystem::remove(path_);
        trace_ = {};
        repair(
            [](Image& image) {
                test::edit_at_random(image, 4, 9);
                test::relabel(image);
            },
            {.runs = {{kPlace.start, place}}});
        std::mt19937 random(1);
        test::for_each_crash_state(start_, trace_, 25, random, [&](Bytes& state, std::size_t flushes) {
            const UndoOutcome outcome = undo(state);
            EXPECT_EQ(outcome.refusal, "") << flushes;
            EXPECT_TRUE(is_as_it_was(state)) << flushes;
        });
    }
}

bool is_announced(Bytes& device) {
    const Image image = device.image();
    return std::ranges::any_of(std::array{kIntentA, kIntentB}, [&](BlockNo block) {
        const IntentReading reading = read_intent(image, block);
        return reading.present && !reading.damage;
    });
}

TEST_F(UndoTest, IsFinishedByRunningItAgainWhereverItWasCutOff) {
    std::fill_n(start_[kIntentA], 100, std::byte{0xee});
    repair_blocks(5, 12);
    StoreTrace trace;
    Bytes done = end_;
    undo(done, {}, &trace);
    EXPECT_EQ(trace.flushes(), 3u);
    std::mt19937 random(2);
    test::for_each_crash_state(end_, trace, 200, random, [&](Bytes& state, std::size_t flushes) {
        // While bytes are put back the module mounts nothing, and neither fsck.daxfs nor the undo of another repair
        // goes on.
        if (flushes == 1) {
            EXPECT_TRUE(is_announced(state));
            Image image = state.image();
            const AnnouncedOutcome announced = must(finish_announced(image, Access::kWrite));
            EXPECT_EQ(announced.what, Announced::kRefused);
            EXPECT_THAT(announced.detail, HasSubstr("daxfs-undo"));
        }
        const UndoOutcome outcome = undo(state);
        EXPECT_EQ(outcome.refusal, "");
        EXPECT_TRUE(flushes != 1 || outcome.resumed);
        EXPECT_TRUE(is_as_it_was(state)) << flushes;
    });
}

// Its announcement must not go before it is finished: torn, the one of the undo is none.
TEST_F(UndoTest, NeverLeavesARepairHalfDoneThatNothingAnnounces) {
    repair_blocks(8, 10);
    Bytes half = start_;
    std::size_t flushes = 0;
    std::size_t changes = 0;
    for (const StoreTrace::Event& event : trace_.events) {
        flushes += event.block ? 0 : 1;
        if (event.block && (flushes < 2 || (flushes == 2 && ++changes % 2 == 0)))
            std::memcpy(half[*event.block], event.bytes.bytes, DAXFS_BLOCK_SIZE);
    }
    StoreTrace trace;
    Bytes done = half;
    EXPECT_TRUE(undo(done, {}, &trace).finished_repair);
    EXPECT_TRUE(is_as_it_was(done));
    std::mt19937 random(4);
    test::for_each_crash_state(half, trace, 200, random, [&](Bytes& state, std::size_t) {
        EXPECT_TRUE(is_announced(state) || test::same_but_for_scratch(state, end_) ||
                    test::same_but_for_scratch(state, start_));
        EXPECT_EQ(undo(state).refusal, "");
        EXPECT_TRUE(is_as_it_was(state));
    });
}

TEST_F(UndoTest, AnotherUndoThatWasCutOffComesFirst) {
    repair_blocks(5, 3);
    daxfs_intent other{};
    other.magic = DAXFS_INTENT_MAGIC;
    other.redo_crc = 77;
    other.crc = checksum(other);
    std::memcpy(end_[kIntentB], &other, sizeof(other));
    EXPECT_THAT(refusal(end_), HasSubstr("another undo was cut off"));
    EXPECT_EQ(undo(end_, {.force = true}).refusal, "");
    EXPECT_TRUE(is_as_it_was(end_));
}

TEST_F(UndoTest, ADeviceThatWasWrittenSinceIsRefused) {
    repair_blocks(6, 8);
    Bytes device = end_;
    // One byte of what the repair stored.
    for (BlockNo block{3};; ++block) {
        if (device.same(block, start_))
            continue;
        for (std::size_t at = 0;; ++at) {
            if (device[block][at] == start_[block][at])
                continue;
            device[block][at] = ~device[block][at] ^ start_[block][at];
            break;
        }
        break;
    }
    EXPECT_THAT(refusal(device), HasSubstr("1 of "));
    EXPECT_EQ(undo(device, {.force = true}).others, 1u);
    EXPECT_TRUE(is_as_it_was(device));
    // What the repair did not change is not looked at.
    Bytes elsewhere = end_;
    BlockNo block{3};
    while (!elsewhere.same(block, start_))
        ++block;
    elsewhere[block][0] ^= std::byte{1};
    EXPECT_EQ(undo(elsewhere).refusal, "");
}

TEST_F(UndoTest, AnotherDeviceIsRefused) {
    repair_blocks(7, 3);
    Bytes shorter((test::kDeviceBlocks - 1) * DAXFS_BLOCK_SIZE);
    EXPECT_THAT(refusal(shorter), HasSubstr("is of a device of"));
    EXPECT_THAT(refusal(shorter, {.force = true}), HasSubstr("is of a device of"));
    Bytes other = end_;
    auto& super = *reinterpret_cast<daxfs_super*>(other[BlockNo{0}]);
    super.nonce = super.nonce + 1;
    EXPECT_THAT(refusal(other), HasSubstr("another filesystem"));
}

TEST_F(UndoTest, ANonceThatTheRepairChangedIsKnown) {
    reinterpret_cast<daxfs_super*>(start_[BlockNo{0}])->nonce = 5;
    repair([](Image& image) {
        auto& super = *reinterpret_cast<daxfs_super*>(image.stage(BlockNo{0}));
        super.nonce = 9;
        super.crc = checksum(ChecksumSeed::of(super.nonce), super);
    });
    EXPECT_EQ(undo(end_).refusal, "");
    EXPECT_TRUE(is_as_it_was(end_));
    EXPECT_EQ(undo(end_).refusal, "");
}

TEST_F(UndoTest, WhatCouldNotBeReadStaysAsItIs) {
    const std::string device = folder_ + "/device";
    std::ofstream(device).put('\0');
    std::filesystem::resize_file(device, 8 * DAXFS_BLOCK_SIZE);
    {
        Image image = must(Image::open(device, Access::kWrite));
        std::filesystem::resize_file(device, 6 * DAXFS_BLOCK_SIZE);
        std::fill_n(image.stage(BlockNo{7}), DAXFS_BLOCK_SIZE, std::byte{9});
        image.stage(BlockNo{3})[0] = std::byte{8};
        EXPECT_EQ(must(write_undo_file(image, path_)), 2u);
        must(commit_staged(image, {.runs = {{BlockNo{4}, 2}}}));
    }
    EXPECT_EQ(std::filesystem::file_size(device), 8u * DAXFS_BLOCK_SIZE);
    Image image = must(Image::open(device, Access::kWrite));
    UndoFile file = must(UndoFile::open(path_));
    const UndoOutcome outcome = must(undo_repair(image, file, {}));
    EXPECT_EQ(outcome.refusal, "");
    EXPECT_EQ(outcome.unreadable_blocks, 1u);
    EXPECT_EQ(outcome.bytes, 64u);
    EXPECT_EQ(image.device_block(BlockNo{3})[0], std::byte{0});
    EXPECT_EQ(image.device_block(BlockNo{7})[0], std::byte{9});
}

std::string error_of(const std::string& path) {
    const auto file = UndoFile::open(path);
    return file ? "" : file.error().message;
}

TEST_F(UndoTest, AnyWrongBitOfTheFileIsSeen) {
    repair([](Image& image) {
        image.stage(BlockNo{20})[0] ^= std::byte{1};
        image.stage(BlockNo{30})[4095] ^= std::byte{1};
    });
    const std::string good = read_file();
    EXPECT_EQ(good.size(), sizeof(UndoHeader) + 2 * (sizeof(UndoRecord) + 64));
    EXPECT_EQ(error_of(path_), "");
    for (std::size_t bit = 0; bit < good.size() * 8; bit += 3) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
        write_file(bad);
        EXPECT_NE(error_of(path_), "") << bit;
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        write_file(good.substr(0, size));
        EXPECT_NE(error_of(path_), "") << size;
    }
    write_file(good + "x");
    EXPECT_THAT(error_of(path_), HasSubstr("bytes of records"));
    EXPECT_THAT(error_of(folder_), HasSubstr("cannot read"));
    EXPECT_THAT(error_of("/dev/null"), HasSubstr("no undo file"));
}

TEST_F(UndoTest, RecordsThatLeaveTheDeviceAreRefused) {
    repair([](Image& image) { image.stage(BlockNo{20})[0] ^= std::byte{1}; });
    const std::string good = read_file();
    const std::pair<std::uint64_t, std::uint32_t> lies[] = {
        {~0ull, 64}, {1ull << 63, 64}, {test::kDeviceBlocks * DAXFS_BLOCK_SIZE - 32, 64}, {4090, 64}, {0, 0}, {0, 4097},
        {0, ~0u},    {0, 128},
    };
    for (const auto& [offset, length] : lies) {
        std::string bad = good;
        auto& header = *reinterpret_cast<UndoHeader*>(bad.data());
        auto& record = *reinterpret_cast<UndoRecord*>(bad.data() + sizeof(header));
        record.offset = offset;
        record.length = length;
        record.crc = 0;
        header.crc = 0;
        header.crc = crc32c(~0u, &header, sizeof(header));
        write_file(bad);
        EXPECT_THAT(error_of(path_), HasSubstr("is damaged: the record at byte 56"));
    }
}

}  // namespace
}  // namespace daxfs
