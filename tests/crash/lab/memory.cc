// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/memory.h"

#include <algorithm>
#include <cstring>

namespace daxfs::crash {
namespace {

constexpr std::size_t kMaxFreeWords = 4;  // non-temporal words of a line whose every subset is an option

std::uint64_t mask_of(std::size_t first, std::size_t count) {
    const std::uint64_t ones = count == kWord ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * count)) - 1;
    return ones << (8 * first);
}

}  // namespace

void Memory::apply(const Event& event) {
    switch (event.record.kind) {
        case Kind::kStore:
        case Kind::kNtStore:
            store(event);
            break;
        case Kind::kFlush:
            if (const auto line = lines_.find(event.record.offset); line != lines_.end()) {
                for (Store& pending : line->second.stores) {
                    pending.flushed = true;
                    pending.flusher = event.record.cpu;
                }
                to_fence_.push_back(event.record.offset);
            }
            break;
        case Kind::kFence:
            fence(event.record.cpu);
            break;
        default:
            break;
    }
}

void Memory::store(const Event& event) {
    const Record& record = event.record;
    for (std::uint64_t at = record.offset, end = at + record.bytes; at < end;) {
        const std::uint64_t first = at % kWord;
        const std::uint64_t count = std::min(kWord - first, end - at);
        Store store{.word = static_cast<std::uint8_t>(at % kLine / kWord),
                    .cpu = record.cpu,
                    .non_temporal = record.kind == Kind::kNtStore,
                    .mask = mask_of(first, count),
                    .pc = record.pc};
        std::memcpy(reinterpret_cast<std::byte*>(&store.value) + first, &event.payload[at - record.offset], count);
        const std::uint64_t line = at / kLine * kLine;
        lines_[line].stores.push_back(store);
        if (store.non_temporal && (to_fence_.empty() || to_fence_.back() != line))
            to_fence_.push_back(line);
        at += count;
    }
}

void Memory::put(LineBytes& bytes, const Store& store) {
    bytes[store.word] = (bytes[store.word] & ~store.mask) | (store.value & store.mask);
}

LineBytes Memory::durable_line(std::uint64_t line) const {
    LineBytes bytes;
    std::memcpy(bytes.data(), &durable_[line], sizeof bytes);
    return bytes;
}

void Memory::make_durable(std::uint64_t line, const Store& store) {
    std::uint64_t before;
    const std::uint64_t offset = line + store.word * kWord;
    std::memcpy(&before, &durable_[offset], sizeof before);
    const std::uint64_t after = (before & ~store.mask) | (store.value & store.mask);
    if (after == before)
        return;
    on_change_(offset, before, after);
    std::memcpy(&durable_[offset], &after, sizeof after);
}

void Memory::fence(std::uint8_t cpu) {
    for (const std::uint64_t at : to_fence_) {
        const auto found = lines_.find(at);
        if (found == lines_.end())
            continue;
        std::vector<Store>& stores = found->second.stores;
        std::vector<Store> left;
        for (const Store& store : stores) {
            const bool done = (store.non_temporal && store.cpu == cpu) || (store.flushed && store.flusher == cpu);
            if (!done) {
                left.push_back(store);
                continue;
            }
            make_durable(at, store);
            // An older store to the same bytes can no longer come after this one.
            for (Store& older : left)
                if (older.word == store.word)
                    older.mask &= ~store.mask;
        }
        std::erase_if(left, [](const Store& store) { return store.mask == 0; });
        if (left.empty())
            lines_.erase(found);
        else
            stores = std::move(left);
    }
    // What another processor has to fence stays.
    std::erase_if(to_fence_, [&](std::uint64_t at) {
        const auto found = lines_.find(at);
        return found == lines_.end() || std::none_of(found->second.stores.begin(), found->second.stores.end(),
                                                     [](const Store& s) { return s.flushed || s.non_temporal; });
    });
}

void Memory::settle() {
    for (const auto& [at, line] : lines_)
        for (const Store& store : line.stores)
            make_durable(at, store);
    lines_.clear();
    to_fence_.clear();
}

std::vector<Choice> Memory::choices() const {
    std::vector<Choice> choices;
    for (const auto& [at, line] : lines_) {
        Choice choice{.line = at, .options = {durable_line(at)}, .pc = line.stores.back().pc};
        const auto add = [&](const LineBytes& bytes) {
            if (choice.options.back() != bytes)
                choice.options.push_back(bytes);
        };
        std::vector<const Store*> free;
        for (const Store& store : line.stores)
            if (store.non_temporal)
                free.push_back(&store);
        if (!free.empty() && free.size() <= kMaxFreeWords) {
            for (std::size_t subset = 1; subset + 1 < std::size_t{1} << free.size(); ++subset) {
                LineBytes bytes = choice.options.front();
                for (std::size_t i = 0; i < free.size(); ++i)
                    if ((subset >> i & 1) != 0)
                        put(bytes, *free[i]);
                add(bytes);
            }
        } else {
            // Each word alone, and all but each.
            for (std::size_t skip = 0; skip < free.size(); ++skip) {
                LineBytes bytes = choice.options.front();
                put(bytes, *free[skip]);
                add(bytes);
                bytes = choice.options.front();
                for (std::size_t i = 0; i < free.size(); ++i)
                    if (i != skip)
                        put(bytes, *free[i]);
                add(bytes);
            }
        }
        LineBytes bytes = choice.options.front();
        for (const Store& store : line.stores) {
            put(bytes, store);
            if (free.empty())
                add(bytes);
        }
        add(bytes);
        if (choice.options.size() > 1)
            choices.push_back(std::move(choice));
    }
    return choices;
}

}  // namespace daxfs::crash
