// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/lab.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "lib/image/device.h"

namespace daxfs::crash {
namespace {

struct Words {
    std::string_view first, rest;
};

Words split(std::string_view text) {
    const std::size_t space = text.find(' ');
    return space == std::string_view::npos ? Words{text, ""} : Words{text.substr(0, space), text.substr(space + 1)};
}

bool is_mark(const Event& event, Mark mark) {
    return event.record.kind == Kind::kMark && static_cast<Mark>(event.record.detail) == mark;
}

// How a line's option changes the xor of word_hash().
std::uint64_t line_hash(const Choice& choice, std::uint16_t option) {
    const LineBytes& before = choice.options.front();
    const LineBytes& after = choice.options[option];
    std::uint64_t hash = 0;
    for (std::size_t word = 0; word < after.size(); ++word) {
        const std::uint64_t offset = choice.line + word * kWord;
        if (before[word] != after[word])
            hash ^= word_hash(offset, before[word]) ^ word_hash(offset, after[word]);
    }
    return hash;
}

}  // namespace

std::optional<StateId> StateId::parse(const std::string& text) {
    StateId id;
    int length = 0;
    const int count =
        std::sscanf(text.c_str(), "%u.%u.%u.%u%n", &id.case_number, &id.operation, &id.point, &id.state, &length);
    if (count != 4 || static_cast<std::size_t>(length) != text.size())
        return std::nullopt;
    return id;
}

void Counts::add(const Counts& other) {
    cases += other.cases;
    operations += other.operations;
    failed_operations += other.failed_operations;
    fences += other.fences;
    generated += other.generated;
    unique += other.unique;
    judged += other.judged;
    violations += other.violations;
    failed_cases += other.failed_cases;
    skipped_cases += other.skipped_cases;
}

Result<Lab> Lab::open(const Trace& trace, const LabOptions& options) {
    DAXFS_TRY_ASSIGN(Arena arena, Arena::make(trace.base()));
    DAXFS_TRY_ASSIGN(Arena ahead, Arena::make(trace.base()));
    DAXFS_TRY_ASSIGN(const Areas areas, Areas::of(arena.device()));
    return Lab(trace, options, std::move(arena), std::move(ahead), areas);
}

Lab::Lab(const Trace& trace, const LabOptions& options, Arena arena, Arena ahead, Areas areas)
    : trace_(trace),
      options_(options),
      arena_(std::move(arena)),
      ahead_(std::move(ahead)),
      areas_(areas),
      memory_(arena_.device(), {}) {}

void Lab::run() {
    // Not in the constructor: what Lab::open returns may have moved.
    memory_ = Memory(arena_.device(), [this](std::uint64_t offset, std::uint64_t before, std::uint64_t after) {
        const std::uint64_t change = word_hash(offset, before) ^ word_hash(offset, after);
        durable_hash_ ^= change;
        if (!areas_.in_journals(offset))
            durable_tree_hash_ ^= change;
    });
    const auto& events = trace_.events();
    for (std::size_t at = 0; at < events.size(); ++at) {
        const Event& event = events[at];
        if (event.record.kind == Kind::kFence && in_operation_ && changed_)
            examine();
        memory_.apply(event);
        changed_ |= event.record.kind == Kind::kStore || event.record.kind == Kind::kNtStore;
        if (event.record.kind == Kind::kMark)
            mark(at);
    }
}

// The operation goes wrong without any crash: that is a violation, and the end of the case.
Promise::Reference Lab::reject(std::string why) {
    violate({}, {}, "without a crash: " + std::move(why) + "\n");
    examining_ = in_operation_ = false;
    return nullptr;
}

// The tree with every store up to now, or to the end of the operation; the guest must have seen the same.
Promise::Reference Lab::look(std::string_view expected_hash) {
    const Image image = Image::over(ahead_.device());
    const auto volume = open_volume(image);
    if (!volume)
        return reject(volume.error().message);
    auto snapshot = Snapshot::take(*volume);
    if (!snapshot)
        return reject(snapshot.error().message);
    if (fmt::format("{:016x}", snapshot->listing_hash()) != expected_hash)
        return reject("programs in the guest see another tree than the image holds");
    return std::make_shared<const Snapshot>(std::move(*snapshot));
}

Promise::Reference Lab::look_recovered() {
    auto snapshot = recover(arena_.view());
    arena_.discard();
    return snapshot ? std::make_shared<const Snapshot>(std::move(*snapshot)) : reject(snapshot.error().message);
}

void Lab::mark(std::size_t at) {
    const Event& event = trace_.events()[at];
    switch (static_cast<Mark>(event.record.detail)) {
        case Mark::kCase:
            return start_case(event);
        case Mark::kOperation:
            return start_operation(at);
        case Mark::kDone:
            return end_operation(event);
        case Mark::kReturned:
            return half_returned(event);
        case Mark::kSymbols:
            return symbols_.add(event.text());
        default:
            return;
    }
}

bool Lab::may_start() {
    if (options_.only)
        return case_number_ == options_.only->case_number;
    if (case_number_ % options_.workers != options_.worker)
        return false;
    const bool late =
        options_.seconds != 0 && std::chrono::steady_clock::now() - started_ > std::chrono::seconds(options_.seconds);
    if (late || (options_.first && counts_.violations != 0)) {
        ++counts_.skipped_cases;
        return false;
    }
    return true;
}

void Lab::start_case(const Event& event) {
    const Words words = split(event.text());
    ++case_number_;
    case_name_ = words.first;
    operation_name_ = "setup";
    id_ = {.case_number = case_number_};
    // What earlier cases left in the cache does not come into this one.
    memory_.settle();
    examining_ = may_start();
    if (!examining_)
        return;
    ++counts_.cases;
    std::memcpy(ahead_.device().data(), arena_.device().data(), arena_.device().size());
    if (Promise::Reference tree = words.rest == "-" ? look_recovered() : look(words.rest))
        promise_.start(std::move(tree));
}

void Lab::start_operation(std::size_t at) {
    const auto& events = trace_.events();
    const Words words = split(events[at].text());
    operation_name_ = words.rest;
    if (!examining_)
        return;
    ++counts_.operations;
    ++id_.operation;
    id_.point = 0;
    std::size_t end = at + 1;
    for (; end < events.size() && !is_mark(events[end], Mark::kDone); ++end)
        if (events[end].record.kind == Kind::kStore || events[end].record.kind == Kind::kNtStore)
            std::memcpy(&ahead_.device()[events[end].record.offset], events[end].payload.data(),
                        events[end].payload.size());
    if (end == events.size()) {
        reject("the operation has no end in the trace");
        return;
    }
    Promise::Reference after = look(split(events[end].text()).rest);
    if (after == nullptr)
        return;
    if (words.first.find('=') != std::string_view::npos && !after->same_tree(promise_.tree())) {
        reject("the kernel recovers another tree than fsck.daxfs -p");
        return;
    }
    promise_.begin(words.first, std::move(after));
    passing_ = options_.last_operation && !is_last_operation(end);
    in_operation_ = changed_ = true;
    seen_devices_.clear();
    seen_trees_.clear();
}

// Whether the case goes on behind the end of this one.
bool Lab::is_last_operation(std::size_t done) const {
    const auto& events = trace_.events();
    for (std::size_t at = done + 1; at < events.size() && !is_mark(events[at], Mark::kPhase); ++at)
        if (is_mark(events[at], Mark::kOperation))
            return false;
    return true;
}

void Lab::end_operation(const Event& event) {
    if (!examining_)
        return;
    if (event.text().substr(0, 2) != "0 ")
        ++counts_.failed_operations;
    // What a sound device never says. Other errors are part of a case.
    const int error = std::atoi(std::string(event.text()).c_str());
    if (error == EIO || error == EUCLEAN || error == EROFS) {
        reject(fmt::format("it failed: {}", errno_text(error)));
        return;
    }
    promise_.done();
    seen_devices_.clear();
    seen_trees_.clear();
    examine();
    in_operation_ = false;
}

void Lab::half_returned(const Event& event) {
    if (!examining_)
        return;
    promise_.half_done(event.text());
    seen_devices_.clear();
    seen_trees_.clear();
    examine();
}

void Lab::examine() {
    changed_ = false;
    ++id_.point;
    if (passing_)
        return;
    id_.state = 0;
    ++counts_.fences;
    if (options_.only && (options_.only->case_number != id_.case_number || options_.only->operation != id_.operation ||
                          options_.only->point != id_.point))
        return;
    const std::vector<Choice> choices = memory_.choices();
    const std::uint64_t seed = id_.case_number * 1000003u + id_.operation * 10007u + id_.point;
    each_state(choices, options_.budget, seed, [&](const State& state) {
        ++id_.state;
        if (options_.only && options_.only->state != id_.state)
            return true;
        examine_state(choices, state);
        return !options_.only;
    });
}

void Lab::put(const Choice& choice, const LineBytes& bytes) {
    std::memcpy(&arena_.device()[choice.line], bytes.data(), sizeof bytes);
}

// Whether the block at `offset` is nobody's once the device, as it is now, is recovered.
bool Lab::is_free(std::uint64_t offset, const Rollback& rollback) const {
    unsigned bit = 0;
    const std::uint64_t at = areas_.bitmap_word(offset, bit);
    if (at == 0)
        return false;
    std::uint64_t word;
    std::memcpy(&word, &arena_.device()[at], sizeof word);
    if (const auto rolled_back = rollback.words.find(at); rolled_back != rollback.words.end())
        word = rolled_back->second;
    return (word >> bit & 1) == 0;
}

// Equal for states that recovery makes equal, as far as anybody can see.
std::uint64_t Lab::tree_hash(const std::vector<Choice>& choices, const State& state, const Rollback& rollback) const {
    std::uint64_t hash = durable_tree_hash_ ^ rollback.hash;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const Choice& choice = choices[i];
        if (state[i] != 0 && !areas_.in_journals(choice.line) && !is_free(choice.line, rollback))
            hash ^= line_hash(choice, state[i]);
    }
    return hash;
}

void Lab::examine_state(const std::vector<Choice>& choices, const State& state) {
    ++counts_.generated;
    std::uint64_t device_hash = durable_hash_;
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (state[i] != 0)
            device_hash ^= line_hash(choices[i], state[i]);
    if (!seen_devices_.insert(device_hash).second && !options_.only)
        return;
    ++counts_.unique;
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (state[i] != 0)
            put(choices[i], choices[i].options[state[i]]);
    if (options_.only)
        saved_.assign(arena_.device().begin(), arena_.device().end());
    const auto rollback = roll_back(arena_.device());
    if (options_.samples != 0 && rollback && rollback->hash != 0)
        sample(device_hash, rollback->journals);
    if (!rollback || seen_trees_.insert(tree_hash(choices, state, *rollback)).second || options_.only) {
        ++counts_.judged;
        if (auto why = judge(arena_.view(), promise_))
            violate(choices, state, std::move(*why));
        arena_.discard();
    }
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (state[i] != 0)
            put(choices[i], choices[i].options.front());
}

void Lab::sample(std::uint64_t device_hash, std::size_t journals) {
    // Those with the most transactions first.
    const std::uint64_t order =
        (63 - std::min<std::uint64_t>(journals, 63)) << 58 | word_hash(id_.point, device_hash) >> 6;
    if (samples_.size() == options_.samples) {
        if (order >= samples_.rbegin()->first)
            return;
        samples_.erase(std::prev(samples_.end()));
    }
    samples_.emplace(order, std::vector<std::byte>(arena_.device().begin(), arena_.device().end()));
}

void Lab::violate(const std::vector<Choice>& choices, const State& state, std::string why) {
    ++counts_.violations;
    if (violations_.empty() || violations_.back().id.case_number != id_.case_number)
        ++counts_.failed_cases;
    if (!violations_.empty() && violations_.back().id.case_number == id_.case_number &&
        violations_.back().id.operation == id_.operation)
        return;
    Violation violation{.id = id_, .case_name = case_name_, .operation = operation_name_, .why = std::move(why)};
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const std::size_t last = choices[i].options.size() - 1;
        if (state[i] != last)
            violation.lost.push_back(fmt::format("line {:#x} (block {}): {} of {} steps kept, last stored by {}",
                                                 choices[i].line, choices[i].line / DAXFS_BLOCK_SIZE, state[i], last,
                                                 symbols_.name(choices[i].pc)));
    }
    violations_.push_back(std::move(violation));
}

Result<void> Lab::save(const std::string& path) const {
    if (saved_.empty())
        return fail("the trace has no such state");
    DAXFS_TRY_ASSIGN(Device file, Device::open_or_create(path));
    DAXFS_TRY(file.resize(saved_.size()));
    return file.write(0, saved_);
}

}  // namespace daxfs::crash
