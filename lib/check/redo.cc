// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/redo.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "lib/base/checked.h"
#include "lib/base/crc32c.h"
#include "lib/format/checksum.h"
#include "lib/tree/intent.h"
#include "lib/tree/journal.h"
#include "lib/tree/redo.h"

namespace daxfs {
namespace {

using WholeBlock = std::array<std::byte, DAXFS_BLOCK_SIZE>;

constexpr BlockNo kIntentBlocks[] = {BlockNo{DAXFS_INTENT_BLOCK_A}, BlockNo{DAXFS_INTENT_BLOCK_B}};
constexpr BlockNo kSuperBlock{0};
alignas(64) constexpr WholeBlock kZeros{};

// The most that one block can take of a list: one record with all of it.
constexpr std::uint64_t kMaxBlockBytes = sizeof(daxfs_redo_record) + DAXFS_BLOCK_SIZE;
constexpr std::uint64_t kMinPlaceBlocks = 2;
static_assert(kMinPlaceBlocks * DAXFS_BLOCK_SIZE >= kMaxBlockBytes);

bool is_intent_block(BlockNo block) {
    return std::ranges::find(kIntentBlocks, block) != std::end(kIntentBlocks);
}

// A block as it is to be, and what it takes of a list.
struct Target {
    BlockNo block;
    const std::byte* bytes = nullptr;
    std::uint64_t list_bytes = 0;
};
using Round = std::vector<Target>;

std::uint64_t record_bytes(std::uint64_t length) {
    return sizeof(daxfs_redo_record) + round_up<std::uint64_t>(length, 8);
}

std::uint64_t list_bytes_of(BlockNo block, const std::byte* before, const std::byte* after) {
    std::uint64_t sum = 0;
    static_cast<void>(for_each_difference(block, before, after, [&](const Edit& edit) -> Result<void> {
        sum += record_bytes(edit.after.size());
        return {};
    }));
    return sum;
}

// Writes records to consecutive blocks.
class ListWriter {
  public:
    ListWriter(Image& image, BlockNo start) : image_(image), start_(start), next_(start) {}

    Result<void> add(const Edit& edit) {
        daxfs_redo_record record{};
        record.offset = edit.offset.value;
        record.length = static_cast<std::uint32_t>(edit.after.size());
        DAXFS_TRY(put(std::as_bytes(std::span(&record, 1))));
        DAXFS_TRY(put(edit.after));
        return put(std::span(kZeros).first(record_bytes(edit.after.size()) - sizeof(record) - edit.after.size()));
    }
    Result<void> finish() {
        if (used_ == 0)
            return {};
        std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(used_), buffer_.end(), std::byte{0});
        used_ = 0;
        return image_.write_block(next_, buffer_);
    }
    daxfs_intent intent() const {
        daxfs_intent intent{};
        intent.magic = DAXFS_INTENT_MAGIC;
        intent.redo_block = start_.value;
        intent.redo_bytes = bytes_;
        intent.redo_crc = crc_;
        intent.crc = checksum(intent);
        return intent;
    }
    std::uint64_t bytes() const { return bytes_; }

  private:
    Result<void> put(std::span<const std::byte> bytes) {
        crc_ = crc32c(crc_, bytes.data(), bytes.size());
        bytes_ += bytes.size();
        while (!bytes.empty()) {
            const std::size_t piece = std::min(bytes.size(), buffer_.size() - used_);
            std::memcpy(buffer_.data() + used_, bytes.data(), piece);
            bytes = bytes.subspan(piece);
            used_ += piece;
            if (used_ < buffer_.size())
                continue;
            DAXFS_TRY(image_.write_block(next_, buffer_));
            ++next_;
            used_ = 0;
        }
        return {};
    }

    Image& image_;
    BlockNo start_;
    BlockNo next_;
    std::size_t used_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint32_t crc_ = ~0u;
    alignas(64) WholeBlock buffer_{};
};

// The longest run of blocks that a list may take: of `place`, without the intents and what is edited.
BlockRun choose_run(const Image& image, const RedoPlace& place, const std::vector<BlockNo>& edited) {
    BlockRun best;
    const auto consider = [&](BlockNo from, BlockNo to) {
        if (from < to && to - from > best.length)
            best = {from, to - from};
    };
    for (const BlockRun& run : place.runs) {
        if (!range_inside(run.start.value, run.length, image.block_count()))
            continue;
        BlockNo from = std::max(run.start, BlockNo{DAXFS_INTENT_BLOCK_B + 1});
        const BlockNo end = run.start + run.length;
        for (auto hole = std::ranges::lower_bound(edited, from); hole != edited.end() && *hole < end; ++hole) {
            consider(from, *hole);
            from = *hole + 1;
        }
        consider(from, end);
    }
    best.length = std::min<std::uint64_t>(best.length, DAXFS_MAX_REDO_BYTES / DAXFS_BLOCK_SIZE);
    return best;
}

// What is staged, and where its list goes.
struct Plan {
    std::vector<Target> targets;
    std::uint64_t needed = 0;  // bytes of a list
    BlockRun run;

    std::uint64_t capacity() const { return run.length * DAXFS_BLOCK_SIZE; }
    bool is_long() const { return run.length >= kMinPlaceBlocks && needed > capacity(); }
};

Plan plan_of(const Image& image, const RedoPlace& place) {
    const std::vector<BlockNo> edited = image.edited_blocks();
    Plan plan{.run = choose_run(image, place, edited)};
    for (const BlockNo block : edited) {
        if (is_intent_block(block))
            continue;
        const std::byte* bytes = image.try_block(block);
        plan.targets.push_back({block, bytes, list_bytes_of(block, image.device_block(block), bytes)});
        plan.needed += plan.targets.back().list_bytes;
    }
    return plan;
}

Result<void> write_intents(Image& image, BlockBytes bytes) {
    for (const BlockNo block : kIntentBlocks)
        DAXFS_TRY(image.write_block(block, bytes));
    return image.flush();
}

Result<std::uint64_t> run_round(Image& image, BlockRun place, Round round) {
    std::ranges::sort(round, {}, &Target::block);
    ListWriter list(image, place.start);
    for (const Target& target : round)
        DAXFS_TRY(for_each_difference(target.block, image.device_block(target.block), target.bytes,
                                      [&](const Edit& edit) { return list.add(edit); }));
    if (list.bytes() == 0)
        return 0;
    DAXFS_TRY(list.finish());
    DAXFS_TRY(image.flush());  // THE LIST, before anything says that there is one

    alignas(64) WholeBlock announcement{};
    const daxfs_intent intent = list.intent();
    std::memcpy(announcement.data(), &intent, sizeof(intent));
    DAXFS_TRY(write_intents(image, announcement));  // THE ANNOUNCEMENT, before anything changes

    for (const Target& target : round)
        DAXFS_TRY(image.write_block(target.block, BlockBytes{target.bytes, DAXFS_BLOCK_SIZE}));
    DAXFS_TRY(image.flush());  // THE CHANGES, before the list may be forgotten

    DAXFS_TRY(write_intents(image, kZeros));  // THE END, before anybody changes these places, or the list's
    return list.bytes();
}

// Between rounds the filesystem is neither as before nor as it will be: the first sets the error state, the last one
// has the superblock as it is to be.
class Rounds {
  public:
    Rounds(const Image& image, std::uint64_t capacity) : image_(image), capacity_(capacity) {
        const std::byte* super = image.try_block(kSuperBlock);
        if (super == nullptr)
            return;
        // Copies: what is not staged would change with the device.
        std::memcpy(held_.data(), super, DAXFS_BLOCK_SIZE);
        std::memcpy(final_.data(), super, DAXFS_BLOCK_SIZE);
        holds_ = hold_error_state(held_);
    }

    // Good as long as this is.
    std::vector<Round> split(std::vector<Target> targets) {
        if (holds_) {
            std::erase_if(targets, [](const Target& target) { return target.block == kSuperBlock; });
            add({kSuperBlock, held_.data(),
                 list_bytes_of(kSuperBlock, image_.device_block(kSuperBlock), held_.data())});
        }
        for (const Target& target : targets)
            add(target);
        if (holds_)
            add({kSuperBlock, final_.data(), list_bytes_of(kSuperBlock, held_.data(), final_.data())});
        return std::move(rounds_);
    }

  private:
    void add(const Target& target) {
        // A round has a block once: what the last has for the superblock is not in the first.
        const bool again =
            !rounds_.empty() && std::ranges::find(rounds_.back(), target.block, &Target::block) != rounds_.back().end();
        if (rounds_.empty() || again || target.list_bytes > capacity_ - used_) {
            rounds_.emplace_back();
            used_ = 0;
        }
        rounds_.back().push_back(target);
        used_ += target.list_bytes;
    }

    const Image& image_;
    std::uint64_t capacity_;
    bool holds_ = false;
    std::uint64_t used_ = 0;
    std::vector<Round> rounds_;
    alignas(64) WholeBlock held_{};
    alignas(64) WholeBlock final_{};
};

struct ValidIntent {
    BlockNo block;
    daxfs_intent intent;
    std::string problem;  // empty: it can be followed
};

std::vector<ValidIntent> valid_intents(const Image& image) {
    std::vector<ValidIntent> valid;
    for (const BlockNo block : kIntentBlocks) {
        const IntentReading reading = read_intent(image, block);
        if (!reading.present || reading.damage)
            continue;
        const bool same = !valid.empty() && std::memcmp(&valid[0].intent, reading.raw, sizeof(daxfs_intent)) == 0;
        if (!same)
            valid.push_back({block, *reading.raw, intent_problem(image, *reading.raw)});
    }
    return valid;
}

// The one that can be followed. No program leaves two different ones that both can.
const ValidIntent* choose(const std::vector<ValidIntent>& valid) {
    const auto sound = [](const ValidIntent& v) { return v.problem.empty(); };
    if (std::ranges::count_if(valid, sound) != 1)
        return nullptr;
    return &*std::ranges::find_if(valid, sound);
}

// On the device, whatever is staged for blocks 1 and 2.
bool announces_repair(const Image& image) {
    return std::ranges::any_of(kIntentBlocks, [&](BlockNo block) {
        const std::byte* bytes = image.device_block(block);
        if (bytes == nullptr)
            return false;
        const auto& intent = *reinterpret_cast<const daxfs_intent*>(bytes);
        return intent.magic == DAXFS_INTENT_MAGIC && intent.crc == checksum(intent) &&
               intent_problem(image, intent).empty();
    });
}

AnnouncedOutcome refused(const std::vector<ValidIntent>& valid) {
    const bool two = valid.size() == 2 && valid[0].problem.empty();
    const auto undo = std::ranges::find_if(valid, [](const ValidIntent& v) { return v.intent.redo_bytes == 0; });
    const ValidIntent& first = undo == valid.end() ? valid[0] : *undo;
    return {.what = Announced::kRefused,
            .block = first.block,
            .detail = two ? "the intent beside it announces another repair" : first.problem,
            .undoing = undo != valid.end()};
}

// Gathers what the records say of one block, and hands it on when the next one comes.
class Follower {
  public:
    Follower(Image& image, Access access) : image_(image), access_(access) {}

    Result<void> add(const RedoRecord& record) {
        const BlockNo block{record.offset.value / DAXFS_BLOCK_SIZE};
        if (block_ != block) {
            DAXFS_TRY(finish());
            DAXFS_TRY(begin(block, record));
        }
        std::memcpy(bytes_.data() + record.offset.value % DAXFS_BLOCK_SIZE, record.bytes.data(), record.bytes.size());
        sum_ += record.bytes.size();
        return {};
    }
    Result<void> finish() {
        if (!block_)
            return {};
        if (access_ == Access::kWrite)
            return image_.write_block(*block_, bytes_);
        std::memcpy(image_.stage(*block_), bytes_.data(), bytes_.size());
        return {};
    }
    std::uint64_t sum() const { return sum_; }

  private:
    Result<void> begin(BlockNo block, const RedoRecord& record) {
        const std::byte* old = image_.try_block(block);
        if (old == nullptr && record.bytes.size() < DAXFS_BLOCK_SIZE)
            return fail("{}: block {} cannot be read, and the announced repair has not all of it", image_.path(),
                        block);
        if (old != nullptr)
            std::memcpy(bytes_.data(), old, bytes_.size());
        block_ = block;
        return {};
    }

    Image& image_;
    Access access_;
    std::optional<BlockNo> block_;
    std::uint64_t sum_ = 0;
    alignas(64) WholeBlock bytes_{};
};

// Puts the records where they belong; not yet durable.
Result<std::uint64_t> follow(Image& image, const daxfs_intent& intent, Access access) {
    RedoCursor records(image, intent);
    Follower follower(image, access);
    while (const auto record = records.next())
        DAXFS_TRY(follower.add(*record));
    DAXFS_TRY(follower.finish());
    if (!records.problem().empty())
        return fail("{}: changed while it was read: {}", image.path(), records.problem());
    return follower.sum();
}

}  // namespace

bool hold_error_state(std::span<std::byte> block) {
    auto& super = *reinterpret_cast<daxfs_super*>(block.data());
    const ChecksumSeed seed = ChecksumSeed::of(super.nonce);
    if (super.magic != DAXFS_SUPER_MAGIC || super.crc != checksum(seed, super))
        return false;
    super.state = super.state | DAXFS_STATE_ERRORS;
    super.crc = checksum(seed, super);
    return true;
}

std::vector<BlockRun> journal_runs(const Volume& volume) {
    std::vector<BlockRun> runs;
    for (std::uint32_t id = 0; id < volume.geometry.journal_count; ++id) {
        const JournalReading journal = read_journal(volume, id);
        if (journal.header_damage || journal.commit_damage || journal.entry_damage || !journal.uncommitted.empty())
            return {};
        // Entries start in the first block, and go on only behind one that checks out there.
        runs.push_back({volume.geometry.journal_slot(id) + 1, volume.geometry.journal_blocks - 1});
    }
    return runs;
}

void stage_no_intents(Image& image) {
    for (const BlockNo block : kIntentBlocks) {
        const std::byte* bytes = image.try_block(block);
        if (bytes != nullptr && std::memcmp(bytes, kZeros.data(), kZeros.size()) == 0)
            continue;
        if (std::byte* staged = image.stage(block))
            std::memset(staged, 0, DAXFS_BLOCK_SIZE);
    }
}

Result<CommitOutcome> commit_staged(Image& image, const RedoPlace& place) {
    if (image.edited_blocks().empty())
        return CommitOutcome{};
    // As the device has them: what is staged may have cleared them already.
    if (announces_repair(image))
        return fail("{}: a repair is announced and not finished", image.path());
    stage_no_intents(image);
    CommitOutcome outcome{.rounds = 1, .blocks = image.edited_blocks().size()};
    Plan plan = plan_of(image, place);
    if (plan.is_long() && place.before_rounds) {
        DAXFS_TRY(place.before_rounds());
        plan = plan_of(image, place);
    }
    if (plan.targets.empty()) {
        DAXFS_TRY(write_intents(image, kZeros));
        return outcome;
    }
    if (plan.run.length < kMinPlaceBlocks)
        return fail("{}: no {} free blocks in a row to announce {} changed blocks in", image.path(), kMinPlaceBlocks,
                    plan.targets.size());
    if (!plan.is_long()) {
        DAXFS_TRY_ASSIGN(outcome.list_bytes, run_round(image, plan.run, std::move(plan.targets)));
        return outcome;
    }
    if (place.rank)
        std::ranges::stable_sort(plan.targets, {}, [&](const Target& target) { return place.rank(target.block); });
    Rounds split(image, plan.capacity());
    const std::vector<Round> rounds = split.split(std::move(plan.targets));
    outcome.rounds = rounds.size();
    for (const Round& round : rounds) {
        DAXFS_TRY_ASSIGN(const std::uint64_t bytes, run_round(image, plan.run, round));
        outcome.list_bytes += bytes;
    }
    return outcome;
}

std::string intent_problem(const Image& image, const daxfs_intent& intent) {
    if (intent.redo_bytes == 0)
        return "a repair is being undone: run daxfs-undo again, with the same file";
    return redo_list_problem(image, intent);
}

Result<AnnouncedOutcome> finish_announced(Image& image, Access access) {
    const std::vector<ValidIntent> valid = valid_intents(image);
    if (valid.empty())
        return AnnouncedOutcome{};
    const ValidIntent* intent = choose(valid);
    if (intent == nullptr)
        return refused(valid);
    AnnouncedOutcome outcome{.what = Announced::kFinished, .block = intent->block};
    DAXFS_TRY_ASSIGN(outcome.bytes, follow(image, intent->intent, access));
    if (access == Access::kRead) {
        stage_no_intents(image);
        return outcome;
    }
    DAXFS_TRY(image.flush());                 // THE CHANGES, all of them once more
    DAXFS_TRY(write_intents(image, kZeros));  // THE END
    return outcome;
}

}  // namespace daxfs
