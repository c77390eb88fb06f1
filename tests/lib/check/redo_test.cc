// SPDX-License-Identifier: GPL-2.0-or-later
// The protocol of repair intents: cut off at every store, and facing intents that lie.
#include "lib/check/redo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include <rapidcheck/gtest.h>

#include "lib/base/crc32c.h"
#include "lib/tree/intent.h"
#include "lib/tree/redo.h"
#include "tests/lib/check/staged_repair.h"

namespace daxfs {
namespace {

using test::Bytes;
using test::edit_at_random;
using test::is_scratch;
using test::is_zero;
using test::kDeviceBlocks;
using test::kIntentA;
using test::kIntentB;
using test::kPlace;
using test::make_device;
using test::must;
using test::relabel;
using test::same_but_for_scratch;
using test::StoreTrace;
using testing::HasSubstr;

// One commit, everything it stored, and the device at the end of each of its rounds.
struct Committed {
    Bytes start = make_device();
    Bytes end = start;
    StoreTrace trace;
    CommitOutcome outcome;
    std::vector<Bytes> rounds;
};

constexpr std::size_t kFlushesOfARound = 4;

void commit(Committed& run, const std::function<void(Image&)>& edit, const RedoPlace& place) {
    run.end = run.start;
    Image image = run.end.image();
    edit(image);
    run.trace.record(image);
    run.outcome = must(commit_staged(image, place));
    EXPECT_FALSE(image.has_staged());
    EXPECT_EQ(run.trace.flushes(), run.outcome.rounds * kFlushesOfARound);
    Bytes now = run.start;
    run.rounds = {now};
    std::size_t flushes = 0;
    for (const StoreTrace::Event& event : run.trace.events) {
        if (event.block)
            std::memcpy(now[*event.block], event.bytes.bytes, DAXFS_BLOCK_SIZE);
        else if (++flushes % kFlushesOfARound == 0)
            run.rounds.push_back(now);
    }
}

// `state` is what was left after `flushes`; brings it to the state before or after their round.
Announced expect_one_of_both(const Committed& run, Bytes& state, std::size_t flushes, StoreTrace* trace = nullptr) {
    const std::size_t round = flushes / kFlushesOfARound;
    const std::size_t step = flushes % kFlushesOfARound;
    Image image = state.image();
    if (trace != nullptr)
        trace->record(image);
    const AnnouncedOutcome outcome = must(finish_announced(image, Access::kWrite));
    EXPECT_NE(outcome.what, Announced::kRefused) << outcome.detail;
    const bool before = same_but_for_scratch(state, run.rounds[round]);
    const bool after = round + 1 < run.rounds.size() && same_but_for_scratch(state, run.rounds[round + 1]);
    EXPECT_TRUE(before || after) << "neither before nor after round " << round << ", step " << step;
    if (outcome.what == Announced::kFinished) {
        EXPECT_TRUE(after);
        EXPECT_TRUE(is_zero(state[kIntentA]) && is_zero(state[kIntentB]));
    }
    EXPECT_TRUE(step != 0 || before);
    EXPECT_TRUE(step < 2 || after);
    return outcome.what;
}

void expect_every_cut_recovers(const Committed& run, std::size_t random_states) {
    std::mt19937 random(7);
    std::size_t states = 0;
    test::for_each_crash_state(run.start, run.trace, random_states, random, [&](Bytes& state, std::size_t flushes) {
        const Bytes cut = state;
        StoreTrace again;
        const Announced what = expect_one_of_both(run, state, flushes, &again);
        EXPECT_TRUE(flushes % kFlushesOfARound != 2 || what == Announced::kFinished);
        // Every so often what finishes it is cut off too.
        if (++states % 16 != 0)
            return;
        test::for_each_crash_state(cut, again, 3, random,
                                   [&](Bytes& twice, std::size_t) { expect_one_of_both(run, twice, flushes); });
    });
    EXPECT_GT(states, run.trace.events.size());
}

TEST(Redo, OneChangedBlockIsThereWhollyOrNotAtAllWhereverItIsCut) {
    Committed run;
    commit(run, [](Image& image) { edit_at_random(image, 1, 1); }, {.runs = {kPlace}});
    EXPECT_EQ(run.outcome.rounds, 1u);
    expect_every_cut_recovers(run, 200);
}

TEST(Redo, ManyChangedBlocksAreThereTogetherOrNotAtAllWhereverItIsCut) {
    for (const std::uint32_t seed : {2u, 3u, 4u}) {
        Committed run;
        commit(run,
               [&](Image& image) {
                   edit_at_random(image, seed, 8 * seed);
                   relabel(image);
               },
               {.runs = {kPlace}});
        EXPECT_EQ(run.outcome.rounds, 1u);
        expect_every_cut_recovers(run, 40);
    }
}

TEST(Redo, WhatStoodInTheIntentsBeforeDoesNotMatter) {
    Committed run;
    std::fill_n(run.start[kIntentA], DAXFS_BLOCK_SIZE, std::byte{0xee});
    // A valid intent without a list: somebody chose to go on.
    auto& intent = *reinterpret_cast<daxfs_intent*>(run.start[kIntentB]);
    intent = {};
    intent.magic = DAXFS_INTENT_MAGIC;
    intent.redo_block = 310;
    intent.redo_bytes = 4096;
    intent.crc = checksum(intent);
    commit(run, [](Image& image) { edit_at_random(image, 5, 4); }, {.runs = {kPlace}});
    EXPECT_TRUE(is_zero(run.end[kIntentA]) && is_zero(run.end[kIntentB]));
    // Until the announcement is whole, the old one stands beside it, and is refused.
    std::mt19937 random(3);
    test::for_each_crash_state(run.start, run.trace, 100, random, [&](Bytes& state, std::size_t flushes) {
        Image image = state.image();
        const AnnouncedOutcome outcome = must(finish_announced(image, Access::kWrite));
        const bool before = same_but_for_scratch(state, run.start);
        const bool after = same_but_for_scratch(state, run.end);
        EXPECT_TRUE(before || after);
        EXPECT_TRUE(outcome.what != Announced::kRefused || before);
        EXPECT_TRUE(flushes != 2 || (outcome.what == Announced::kFinished && after));
    });
}

TEST(Redo, IntentsAloneNeedNoList) {
    Committed run;
    std::fill_n(run.start[kIntentA], 100, std::byte{0xee});
    run.end = run.start;
    Image image = run.end.image();
    stage_no_intents(image);
    EXPECT_EQ(must(commit_staged(image, {})).list_bytes, 0u);
    EXPECT_TRUE(is_zero(run.end[kIntentA]));
}

TEST(Redo, WhatDoesNotFitGoesInRoundsEachOfWhichIsThereOrNot) {
    Committed run;
    constexpr BlockRun kSmall{kPlace.start, 3};
    commit(run,
           [](Image& image) {
               edit_at_random(image, 6, 14);
               relabel(image);
           },
           {.runs = {kSmall}});
    EXPECT_GE(run.outcome.rounds, 3u);
    expect_every_cut_recovers(run, 30);
}

std::uint32_t state_of(const Bytes& device) {
    const auto& super = *reinterpret_cast<const daxfs_super*>(device[BlockNo{0}]);
    EXPECT_EQ(super.crc, checksum(ChecksumSeed::of(super.nonce), super));
    return super.state;
}

TEST(Redo, BetweenRoundsTheSuperblockHoldsItsErrorState) {
    for (const bool with_super : {false, true}) {
        Committed run;
        commit(run,
               [&](Image& image) {
                   edit_at_random(image, 8, 14);
                   if (with_super)
                       relabel(image);
               },
               {.runs = {{kPlace.start, 3}}});
        ASSERT_GE(run.rounds.size(), 4u);
        for (std::size_t round = 1; round + 1 < run.rounds.size(); ++round)
            EXPECT_EQ(state_of(run.rounds[round]), DAXFS_STATE_ERRORS) << round;
        EXPECT_EQ(state_of(run.end), 0u);
        EXPECT_EQ(run.end.same(BlockNo{0}, run.start), !with_super);
    }
}

TEST(Redo, RoundsKeepTheOrderThatTheyWereGiven) {
    Committed run;
    commit(run, [](Image& image) { edit_at_random(image, 9, 14); },
           {.runs = {{kPlace.start, 3}}, .rank = [](BlockNo block) { return block < BlockNo{100} ? 1 : 0; }});
    std::size_t last_high = 0;
    std::size_t first_low = run.rounds.size();
    for (std::size_t round = 1; round < run.rounds.size(); ++round) {
        for (BlockNo block{3}; block < kPlace.start; ++block) {
            if (run.rounds[round].same(block, run.rounds[round - 1]))
                continue;
            if (block < BlockNo{100})
                first_low = std::min(first_low, round);
            else
                last_high = round;
        }
    }
    EXPECT_LE(last_high, first_low);
    EXPECT_LT(first_low, run.rounds.size());
}

TEST(Redo, NothingStagedIsNothingStored) {
    Bytes device = make_device();
    Image image = device.image();
    StoreTrace trace;
    trace.record(image);
    EXPECT_EQ(must(commit_staged(image, {.runs = {kPlace}})).rounds, 0u);
    image.stage(BlockNo{5});
    EXPECT_EQ(must(commit_staged(image, {.runs = {kPlace}})).rounds, 0u);
    EXPECT_TRUE(trace.events.empty());
}

TEST(Redo, TakesNoBlockThatIsStagedForItsList) {
    Bytes device = make_device();
    Image image = device.image();
    for (const std::uint64_t number : {300u, 310u, 389u})
        std::fill_n(image.stage(BlockNo{number}), DAXFS_BLOCK_SIZE, std::byte{1});
    StoreTrace trace;
    trace.record(image);
    must(
        commit_staged(image, {.runs = {{BlockNo{0}, 4}, kPlace, {BlockNo{kDeviceBlocks}, 1000}, {BlockNo{5}, ~0ull}}}));
    EXPECT_EQ(trace.events[0].block, BlockNo{311});
    for (const std::uint64_t number : {300u, 310u, 389u})
        EXPECT_EQ(device[BlockNo{number}][9], std::byte{1});
}

TEST(Redo, WithoutAPlaceNothingIsWritten) {
    Bytes device = make_device();
    Image image = device.image();
    edit_at_random(image, 1, 3);
    StoreTrace trace;
    trace.record(image);
    for (const std::vector<BlockRun>& runs : {std::vector<BlockRun>{}, {{BlockNo{350}, 1}}, {{BlockNo{0}, 4}}}) {
        const auto result = commit_staged(image, {.runs = runs});
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().message, HasSubstr("no 2 free blocks in a row"));
    }
    EXPECT_TRUE(trace.events.empty());
}

TEST(Redo, AnErrorOfTheDeviceEndsTheCommitWhereItIs) {
    Committed whole;
    commit(whole, [](Image& image) { edit_at_random(image, 4, 6); }, {.runs = {kPlace}});
    for (std::size_t n = 0; n < whole.trace.events.size(); ++n) {
        Bytes device = make_device();
        Image image = device.image();
        edit_at_random(image, 4, 6);
        std::size_t left = n;
        image.before_stores([&](const Store&) -> Result<void> {
            if (left-- == 0)
                return fail("no power");
            return {};
        });
        const auto result = commit_staged(image, {.runs = {kPlace}});
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().message, "no power");
        image.before_stores({});
        Image again = device.image();
        must(finish_announced(again, Access::kWrite));
        EXPECT_TRUE(same_but_for_scratch(device, whole.start) || same_but_for_scratch(device, whole.end)) << n;
    }
}

TEST(Redo, JournalsWithoutUndoGiveTheirBodies) {
    test::ImageEditor editor;
    const Geometry& geometry = editor.volume().geometry;
    const std::vector<BlockRun> runs = journal_runs(editor.volume());
    ASSERT_EQ(runs.size(), 2u);
    EXPECT_EQ(runs[1].start, geometry.journal_slot(1) + 1);
    EXPECT_EQ(runs[1].length, geometry.journal_blocks - 1);
    const test::ImageEditor::Range ranges[] = {editor.range_of(editor.rich().small_file)};
    editor.log_undo(1, ranges);
    const Image image = editor.image();
    EXPECT_TRUE(journal_runs(must(open_volume(image))).empty());
}

// A device on which a repair is announced and nothing of it done yet.
struct AnnouncedRepair {
    Committed run;
    Bytes device{kDeviceBlocks * DAXFS_BLOCK_SIZE};
    daxfs_intent intent{};

    AnnouncedRepair() {
        commit(run, [](Image& image) { edit_at_random(image, 11, 6); }, {.runs = {kPlace}});
        device = run.start;
        std::size_t flushes = 0;
        for (const StoreTrace::Event& event : run.trace.events) {
            if (!event.block)
                ++flushes;
            else if (flushes < 2)
                std::memcpy(device[*event.block], event.bytes.bytes, DAXFS_BLOCK_SIZE);
        }
        std::memcpy(&intent, device[kIntentA], sizeof(intent));
    }

    void announce(daxfs_intent lie) {
        lie.crc = checksum(lie);
        for (const BlockNo block : {kIntentA, kIntentB})
            std::memcpy(device[block], &lie, sizeof(lie));
    }
    std::byte* list() { return device[BlockNo{intent.redo_block}]; }
    daxfs_redo_record& record(std::size_t offset = 0) { return *reinterpret_cast<daxfs_redo_record*>(list() + offset); }
    // The list as it is now, with a right checksum.
    void announce_list() {
        daxfs_intent again = intent;
        again.redo_crc = crc32c(~0u, list(), again.redo_bytes);
        announce(again);
    }
    // What is said about it; nothing may be written.
    std::string refusal() {
        const Bytes before = device;
        std::string detail;
        for (const Access access : {Access::kRead, Access::kWrite}) {
            Image image = device.image();
            StoreTrace trace;
            trace.record(image);
            const AnnouncedOutcome outcome = must(finish_announced(image, access));
            EXPECT_EQ(outcome.what, Announced::kRefused);
            EXPECT_TRUE(trace.events.empty());
            EXPECT_FALSE(image.has_staged());
            detail = outcome.detail;
        }
        for (BlockNo block; block < device.end(); ++block)
            EXPECT_TRUE(device.same(block, before));
        return detail;
    }
};

TEST(Announced, ReadingShowsTheDeviceAsItWillBeAndWritesNothing) {
    AnnouncedRepair repair;
    const Bytes before = repair.device;
    Image image = repair.device.image();
    StoreTrace trace;
    trace.record(image);
    const AnnouncedOutcome outcome = must(finish_announced(image, Access::kRead));
    EXPECT_EQ(outcome.what, Announced::kFinished);
    EXPECT_GT(outcome.bytes, 0u);
    EXPECT_TRUE(trace.events.empty());
    for (BlockNo block; block < repair.device.end(); ++block) {
        EXPECT_TRUE(repair.device.same(block, before));
        EXPECT_TRUE(is_scratch(block) ||
                    std::memcmp(image.try_block(block), repair.run.end[block], DAXFS_BLOCK_SIZE) == 0);
    }
    EXPECT_FALSE(read_intent(image, kIntentA).present || read_intent(image, kIntentB).present);
}

TEST(Announced, ACommitDoesNotPassOverWhatIsAnnounced) {
    AnnouncedRepair repair;
    Image image = repair.device.image();
    image.stage(BlockNo{250})[0] ^= std::byte{1};
    stage_no_intents(image);
    const auto result = commit_staged(image, {.runs = {kPlace}});
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("announced and not finished"));
}

TEST(Announced, OneGoodIntentIsEnough) {
    for (const BlockNo bad : {kIntentA, kIntentB}) {
        for (const int damage : {0, 1, 2}) {
            AnnouncedRepair repair;
            if (damage == 0)
                repair.device[bad][20] ^= std::byte{4};
            else
                std::fill_n(repair.device[bad], DAXFS_BLOCK_SIZE, damage == 1 ? std::byte{0} : std::byte{0xaa});
            Image image = repair.device.image();
            EXPECT_EQ(must(finish_announced(image, Access::kWrite)).what, Announced::kFinished);
            EXPECT_TRUE(same_but_for_scratch(repair.device, repair.run.end));
            EXPECT_TRUE(is_zero(repair.device[kIntentA]) && is_zero(repair.device[kIntentB]));
        }
    }
}

TEST(Announced, GarbageInBothIsNoAnnouncement) {
    AnnouncedRepair repair;
    repair.device[kIntentA][5] ^= std::byte{1};
    repair.device[kIntentB][50] ^= std::byte{1};
    const Bytes before = repair.device;
    Image image = repair.device.image();
    EXPECT_EQ(must(finish_announced(image, Access::kWrite)).what, Announced::kNothing);
    EXPECT_TRUE(repair.device.same(kIntentA, before) && repair.device.same(kIntentB, before));
    EXPECT_TRUE(same_but_for_scratch(repair.device, repair.run.start));
}

TEST(Announced, AListThatDoesNotCheckOutIsRefused) {
    AnnouncedRepair repair;
    repair.list()[100] ^= std::byte{1};
    EXPECT_THAT(repair.refusal(), HasSubstr("has checksum 0x"));
}

TEST(Announced, TwoDifferentAnnouncementsAreRefused) {
    AnnouncedRepair repair;
    // The same list once more, elsewhere.
    std::memcpy(repair.device[BlockNo{395}], repair.list(), DAXFS_BLOCK_SIZE);
    daxfs_intent other = repair.intent;
    other.redo_block = 395;
    other.redo_bytes = 16 + 64;
    repair.record().length = 64;
    std::memcpy(repair.device[BlockNo{395}], repair.list(), 80);
    other.redo_crc = crc32c(~0u, repair.device[BlockNo{395}], 80);
    repair.announce_list();
    other.crc = checksum(other);
    std::memcpy(repair.device[kIntentB], &other, sizeof(other));
    AnnouncedRepair sound;
    std::memcpy(sound.device[BlockNo{395}], repair.device[BlockNo{395}], DAXFS_BLOCK_SIZE);
    std::memcpy(sound.device[kIntentB], &other, sizeof(other));
    EXPECT_THAT(sound.refusal(), HasSubstr("announces another repair"));
}

TEST(Announced, AListThatCannotLieWhereItIsSaidToIsRefused) {
    const std::uint64_t blocks[] = {0,          1,          2,     kDeviceBlocks, kDeviceBlocks - 1,
                                    1ull << 51, 1ull << 52, ~0ull, ~0ull - 1};
    for (const std::uint64_t block : blocks) {
        AnnouncedRepair repair;
        daxfs_intent lie = repair.intent;
        lie.redo_block = block;
        lie.redo_bytes = 2 * DAXFS_BLOCK_SIZE;
        repair.announce(lie);
        EXPECT_THAT(repair.refusal(), HasSubstr("cannot lie at block"));
    }
    const std::uint64_t sizes[] = {1, 8, 15, 17, 1ull << 29, (1ull << 63) - 8, 1ull << 63, ~0ull, ~0ull - 7};
    for (const std::uint64_t size : sizes) {
        AnnouncedRepair repair;
        daxfs_intent lie = repair.intent;
        lie.redo_bytes = size;
        repair.announce(lie);
        EXPECT_THAT(repair.refusal(), HasSubstr("a redo list cannot have"));
    }
}

TEST(Announced, AnUndoThatWasCutOffNamesWhatFinishesIt) {
    AnnouncedRepair repair;
    daxfs_intent undo{};
    undo.magic = DAXFS_INTENT_MAGIC;
    repair.announce(undo);
    EXPECT_THAT(repair.refusal(), HasSubstr("daxfs-undo"));
}

TEST(Announced, RecordsThatLeaveTheDeviceOrTheirBlockAreRefused) {
    const std::uint64_t end = kDeviceBlocks * DAXFS_BLOCK_SIZE;
    const std::pair<std::uint64_t, std::uint32_t> lies[] = {
        {end, 64},  {end - 32, 64}, {1ull << 63, 64},    {~0ull, 64},       {~0ull - 63, 64},
        {40960, 0}, {40960, 5000},  {40960, 0xffffffff}, {40960 + 4090, 7}, {4096, 64},
        {4095, 2},  {8192, 4096},   {3 * 4096 - 1, 1},   {300 * 4096, 8},
    };
    for (const auto& [offset, length] : lies) {
        AnnouncedRepair repair;
        repair.record().offset = offset;
        repair.record().length = length;
        repair.announce_list();
        EXPECT_THAT(repair.refusal(), HasSubstr("its redo list")) << offset << ' ' << length;
    }
}

TEST(Announced, RecordsOutOfOrderOrOfALaterVersionAreRefused) {
    AnnouncedRepair order;
    const std::size_t second = sizeof(daxfs_redo_record) + order.record().length;
    order.record(second).offset = order.record().offset - order.record().offset % DAXFS_BLOCK_SIZE;
    order.announce_list();
    EXPECT_THAT(order.refusal(), HasSubstr("out of order"));
    AnnouncedRepair later;
    later.record().reserved[0] = 1;
    later.announce_list();
    EXPECT_THAT(later.refusal(), HasSubstr("later version"));
    AnnouncedRepair padding;
    padding.record().length = padding.record().length - 1;
    padding.list()[sizeof(daxfs_redo_record) + padding.record().length] = std::byte{1};
    padding.announce_list();
    EXPECT_THAT(padding.refusal(), HasSubstr("between records"));
}

// Any damage to intents and list, with checksums right or wrong: before, after, or a refusal that writes nothing.
RC_GTEST_PROP(Announced, AnyFlippedBitsLeaveBeforeOrAfter, ()) {
    static const AnnouncedRepair base;
    AnnouncedRepair repair = base;
    const bool seal_list = *rc::gen::arbitrary<bool>();
    const bool seal_intent = *rc::gen::arbitrary<bool>();
    const auto flips = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint32_t>>>(
        rc::gen::pair(rc::gen::inRange(0u, 3u), rc::gen::arbitrary<std::uint32_t>()));
    for (const auto& [where, bit] : flips) {
        std::byte* target = where < 2 ? repair.device[BlockNo{where + 1}] : repair.list();
        const std::uint64_t bits = where < 2 ? sizeof(daxfs_intent) * 8 : repair.intent.redo_bytes * 8;
        target[bit % bits / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
    for (const BlockNo block : {kIntentA, kIntentB}) {
        auto& intent = *reinterpret_cast<daxfs_intent*>(repair.device[block]);
        if (seal_list && intent.redo_block == base.intent.redo_block && intent.redo_bytes == base.intent.redo_bytes)
            intent.redo_crc = crc32c(~0u, repair.list(), intent.redo_bytes);
        if (seal_intent)
            intent.crc = checksum(intent);
    }
    const Bytes before = repair.device;
    Image image = repair.device.image();
    const AnnouncedOutcome outcome = must(finish_announced(image, Access::kWrite));
    if (outcome.what == Announced::kFinished) {
        RC_ASSERT(is_zero(repair.device[kIntentA]) && is_zero(repair.device[kIntentB]));
        // Without a new checksum it is the repair that was announced.
        RC_ASSERT(seal_list || same_but_for_scratch(repair.device, base.run.end));
        return;
    }
    for (BlockNo block; block < before.end(); ++block)
        RC_ASSERT(repair.device.same(block, before));
}

}  // namespace
}  // namespace daxfs
