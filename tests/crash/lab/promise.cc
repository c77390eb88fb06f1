// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/lab/promise.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace daxfs::crash {
namespace {

const std::string& block_of(const FileSnapshot& file, std::uint64_t block) {
    static const std::string zeros(kHashBlock, '\0');
    const auto found = file.data.find(block);
    return found == file.data.end() ? zeros : found->second;
}

std::set<std::uint64_t> blocks_of(const FileSnapshot& a, const FileSnapshot& b) {
    std::set<std::uint64_t> blocks;
    for (const FileSnapshot* file : {&a, &b})
        for (const auto& [block, bytes] : file->data)
            blocks.insert(block);
    return blocks;
}

std::string describe(const Attributes& entry) {
    return fmt::format("mode {:o}, {} links, owner {}:{}, {} bytes, {} blocks{}{}", entry.mode, entry.nlink, entry.uid,
                       entry.gid, entry.size, entry.blocks, entry.target.empty() ? "" : " -> ", entry.target);
}

// What the two calls of an operation in halves work on, see guest/held.cc.
constexpr std::string_view kHalves[] = {"/case/A", "/case/B"};

}  // namespace

void Promise::start(Reference tree) {
    after_ = std::move(tree);
    before_ = after_;
    history_ = {after_};
    loose_.clear();
    running_ = in_place_ = in_steps_ = over_blocks_ = maps_anew_ = anything_ = in_halves_ = flushed_ = false;
    synced_.clear();
}

// A write behind the end of the file, in steps: data and size move together.
bool Promise::grows(const FileSnapshot& file) const {
    const FileSnapshot* then = before_->find(file.ino);
    const FileSnapshot* now = after_->find(file.ino);
    return in_steps_ && then != nullptr && now != nullptr && now->attributes.size > then->attributes.size;
}

// Bytes that the operation changed in files that were there before.
void Promise::loosen() {
    for (const FileSnapshot& now : after_->files()) {
        const FileSnapshot* then = before_->find(now.ino);
        if (then == nullptr)
            continue;
        for (const std::uint64_t block : blocks_of(*then, now))
            for (std::size_t i = 0; i < kHashBlock; ++i)
                if (block_of(*then, block)[i] != block_of(now, block)[i] &&
                    !(grows(now) && block * kHashBlock + i >= then->attributes.size))
                    loose_[{now.ino, block}].set(i);
    }
}

// What the operation made durable, in place or of a whole file.
void Promise::tighten() {
    if (flushed_) {
        std::map<std::pair<std::uint64_t, std::uint64_t>, Bytes> others = std::move(loose_);
        loose_.clear();
        loosen();
        for (auto& [place, bytes] : others)
            if (const auto own = loose_.find(place); own != loose_.end())
                bytes &= ~own->second;
        loose_ = std::move(others);
    }
    if (synced_ == "*")
        loose_.clear();
    for (const FileSnapshot& file : after_->files())
        if (file.attributes.path == synced_)
            std::erase_if(loose_, [&](const auto& entry) { return entry.first.first == file.ino; });
    if (loose_.empty())
        history_ = {after_};
}

void Promise::begin(std::string_view flags, Reference after) {
    const std::size_t at = flags.find('@');
    const auto has = [&](char flag) { return flags.substr(0, at).find(flag) != std::string_view::npos; };
    before_ = std::move(after_);
    after_ = std::move(after);
    running_ = true;
    in_place_ = has('r');
    over_blocks_ = has('w');
    in_steps_ = has('c') || over_blocks_;
    maps_anew_ = has('b');
    anything_ = has('n');
    in_halves_ = has('p');
    halves_done_.clear();
    flushed_ = has('f');
    synced_ = at == std::string_view::npos ? "" : std::string(flags.substr(at + 1));
    history_.push_back(after_);
    if (in_place_ || in_steps_)
        loosen();
}

void Promise::done() {
    running_ = false;
    // What takes several transactions is durable when it returns: only bytes changed in place are not.
    if (over_blocks_) {
        // New blocks are durable with the transaction that maps them.
        std::erase_if(loose_, [&](const auto& entry) {
            const auto& [ino, block] = entry.first;
            const FileSnapshot* then = before_->find(ino);
            const FileSnapshot* now = after_->find(ino);
            return then != nullptr && now != nullptr && !then->data.contains(block) && now->data.contains(block);
        });
    } else if (in_steps_ && !in_place_) {
        flushed_ = true;
    }
    tighten();
}

std::optional<std::string> Promise::broken_by(const Snapshot& found) const {
    if (const std::string path = found.poisoned(); !path.empty())
        return fmt::format("{}: shows bytes that nobody wrote\n", path);
    if (running_ && anything_)
        return std::nullopt;
    if (!running_ || !in_halves_)
        return broken_by(found, "");
    for (const std::string_view part : kHalves)
        if (auto why = broken_by(found, part))
            return why;
    return std::nullopt;
}

// Part "": the whole tree.
std::optional<std::string> Promise::broken_by(const Snapshot& found, std::string_view part) const {
    const Files files = files_of(found, part);
    const auto as_after = differs(files, files_of(*after_, part));
    if (!as_after)
        return std::nullopt;
    if (!running_ || halves_done_.contains(part))
        return "it has returned, and is not there:\n" + *as_after;
    const auto as_before = differs(files, files_of(*before_, part));
    if (!as_before)
        return std::nullopt;
    return fmt::format("neither as before it:\n{}nor as after it:\n{}", *as_before, *as_after);
}

// What lies at or below `part`; of the first half also what lies in neither.
Promise::Files Promise::files_of(const Snapshot& snapshot, std::string_view part) {
    Files files;
    for (const FileSnapshot& file : snapshot.files()) {
        const bool in_second = file.attributes.path.starts_with(kHalves[1]);
        if (part.empty() || in_second == (part == kHalves[1]))
            files.push_back(&file);
    }
    return files;
}

std::optional<std::string> Promise::differs(const Files& found, const Files& wanted) const {
    constexpr std::size_t kMaxLines = 5;
    std::vector<std::string> lines;
    auto f_at = found.begin();
    auto w_at = wanted.begin();
    while ((f_at != found.end() || w_at != wanted.end()) && lines.size() < kMaxLines) {
        const FileSnapshot* f = f_at != found.end() ? *f_at : nullptr;
        const FileSnapshot* w = w_at != wanted.end() ? *w_at : nullptr;
        const int order = f == nullptr ? 1 : w == nullptr ? -1 : f->attributes.path.compare(w->attributes.path);
        if (order < 0) {
            lines.push_back(fmt::format("  {}: is there and should not be", f->attributes.path));
            ++f_at;
            continue;
        }
        if (order > 0) {
            lines.push_back(fmt::format("  {}: is missing", w->attributes.path));
            ++w_at;
            continue;
        }
        Attributes attributes = f->attributes;
        if (running_ && (in_place_ || in_steps_ || maps_anew_))
            attributes.blocks = w->attributes.blocks;
        if (running_ && in_steps_) {
            const FileSnapshot* then = before_->find(w->ino);
            const FileSnapshot* now = after_->find(w->ino);
            if (then != nullptr && now != nullptr) {
                const auto [low, high] = std::minmax(then->attributes.size, now->attributes.size);
                if (attributes.size >= low && attributes.size <= high)
                    attributes.size = w->attributes.size;
            }
        }
        if (attributes != w->attributes || f->ino != w->ino)
            lines.push_back(fmt::format("  {}: has {}; should have {}", w->attributes.path, describe(f->attributes),
                                        describe(w->attributes)));
        if (const auto why = data_differs(*f, *w))
            lines.push_back(*why);
        ++f_at, ++w_at;
    }
    if (lines.empty())
        return std::nullopt;
    return fmt::format("{}\n", fmt::join(lines, "\n"));
}

bool Promise::once_held(std::uint64_t ino, std::uint64_t block, std::size_t offset, char byte) const {
    return std::any_of(history_.begin(), history_.end(), [&](const Reference& tree) {
        const FileSnapshot* file = tree->find(ino);
        return file != nullptr && block_of(*file, block)[offset] == byte;
    });
}

std::optional<std::string> Promise::data_differs(const FileSnapshot& found, const FileSnapshot& wanted) const {
    // Where a file grows in steps, the steps to come have neither size nor data.
    const std::uint64_t end = running_ && grows(found) ? found.attributes.size : ~std::uint64_t{0};
    for (const std::uint64_t block : blocks_of(found, wanted)) {
        const std::string& is = block_of(found, block);
        const std::string& should = block_of(wanted, block);
        if (is == should)
            continue;
        const auto loose = loose_.find({found.ino, block});
        for (std::size_t i = 0; i < is.size(); ++i)
            if (is[i] != should[i] && block * kHashBlock + i < end &&
                (loose == loose_.end() || !loose->second.test(i) || !once_held(found.ino, block, i, is[i])))
                return fmt::format("  {}: byte {} is {:02x}, should be {:02x}", wanted.attributes.path,
                                   block * kHashBlock + i, static_cast<unsigned char>(is[i]),
                                   static_cast<unsigned char>(should[i]));
    }
    return std::nullopt;
}

}  // namespace daxfs::crash
