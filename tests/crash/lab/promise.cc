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

}  // namespace

void Promise::start(Reference tree) {
    after_ = std::move(tree);
    before_ = after_;
    history_ = {after_};
    loose_.clear();
    running_ = in_place_ = in_steps_ = anything_ = flushed_ = false;
    synced_.clear();
}

// Bytes that the operation changed in files that were there before.
void Promise::loosen() {
    for (const FileSnapshot& now : after_->files()) {
        const FileSnapshot* then = before_->find(now.ino);
        if (then == nullptr)
            continue;
        for (const std::uint64_t block : blocks_of(*then, now))
            for (std::size_t i = 0; i < kHashBlock; ++i)
                if (block_of(*then, block)[i] != block_of(now, block)[i])
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
    in_steps_ = has('c');
    anything_ = has('n');
    flushed_ = has('f');
    synced_ = at == std::string_view::npos ? "" : std::string(flags.substr(at + 1));
    history_.push_back(after_);
    if (in_place_ || in_steps_)
        loosen();
}

void Promise::done() {
    running_ = false;
    // What takes several transactions is durable when it returns: only bytes changed in place are not.
    if (in_steps_ && !in_place_)
        flushed_ = true;
    tighten();
}

std::optional<std::string> Promise::broken_by(const Snapshot& found) const {
    if (const std::string path = found.poisoned(); !path.empty())
        return fmt::format("{}: shows bytes that nobody wrote\n", path);
    if (running_ && anything_)
        return std::nullopt;
    const auto as_after = differs(found, *after_);
    if (!as_after || !running_)
        return as_after ? std::optional("it has returned, and is not there:\n" + *as_after) : std::nullopt;
    const auto as_before = differs(found, *before_);
    if (!as_before)
        return std::nullopt;
    return fmt::format("neither as before it:\n{}nor as after it:\n{}", *as_before, *as_after);
}

std::optional<std::string> Promise::differs(const Snapshot& found, const Snapshot& wanted) const {
    constexpr std::size_t kMaxLines = 5;
    std::vector<std::string> lines;
    auto f = found.files().begin();
    auto w = wanted.files().begin();
    while ((f != found.files().end() || w != wanted.files().end()) && lines.size() < kMaxLines) {
        const int order = f == found.files().end()    ? 1
                          : w == wanted.files().end() ? -1
                                                      : f->attributes.path.compare(w->attributes.path);
        if (order < 0) {
            lines.push_back(fmt::format("  {}: is there and should not be", (f++)->attributes.path));
            continue;
        }
        if (order > 0) {
            lines.push_back(fmt::format("  {}: is missing", (w++)->attributes.path));
            continue;
        }
        Attributes attributes = f->attributes;
        if (running_ && (in_place_ || in_steps_))
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
        ++f, ++w;
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
    for (const std::uint64_t block : blocks_of(found, wanted)) {
        const std::string& is = block_of(found, block);
        const std::string& should = block_of(wanted, block);
        if (is == should)
            continue;
        const auto loose = loose_.find({found.ino, block});
        for (std::size_t i = 0; i < is.size(); ++i)
            if (is[i] != should[i] &&
                (loose == loose_.end() || !loose->second.test(i) || !once_held(found.ino, block, i, is[i])))
                return fmt::format("  {}: byte {} is {:02x}, should be {:02x}", wanted.attributes.path,
                                   block * kHashBlock + i, static_cast<unsigned char>(is[i]),
                                   static_cast<unsigned char>(should[i]));
    }
    return std::nullopt;
}

}  // namespace daxfs::crash
