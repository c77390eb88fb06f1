// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/make/new_inodes.h"

#include <algorithm>
#include <cstring>

namespace daxfs {

const char* TextStore::keep(std::string_view text) {
    if (text.size() > left_) {
        left_ = std::max(kChunkBytes, text.size());
        chunks_.push_back(std::make_unique<char[]>(left_));
        chunk_bytes_ = left_;
    }
    char* to = chunks_.back().get() + (chunk_bytes_ - left_);
    std::memcpy(to, text.data(), text.size());
    left_ -= text.size();
    return to;
}

void NewInodes::add_run(BlockRun blocks) {
    const InodeNo first{blocks.start.value * DAXFS_INODES_PER_BLOCK};
    current_ = &runs_.emplace(first, Run{.blocks = blocks, .first = inodes_.size()}).first->second;
    left_ = blocks.length * DAXFS_INODES_PER_BLOCK;
}

NewInode& NewInodes::add() {
    const InodeNo ino{current_->blocks.start.value * DAXFS_INODES_PER_BLOCK + current_->used};
    ++current_->used;
    --left_;
    inodes_.push_back({.ino = ino});
    return inodes_.back();
}

NewInode* NewInodes::find(InodeNo ino) {
    auto it = runs_.upper_bound(ino);
    if (it == runs_.begin())
        return nullptr;
    --it;
    return in_run(it->second, ino - it->first);
}

NewInode* NewInodes::in_run(const Run& run, std::uint64_t index) {
    return index < run.used ? &inodes_[run.first + index] : nullptr;
}

void NewInodes::add_extent(NewInode& inode, const daxfs_extent& extent) {
    if (inode.extents == 0)
        inode.first = extents_.size();
    // Another file got extents in the meantime.
    if (inode.first + inode.extents != extents_.size()) {
        const std::uint64_t from = inode.first;
        inode.first = extents_.size();
        for (std::uint64_t i = 0; i < inode.extents; ++i)
            extents_.push_back(extents_[from + i]);
    }
    extents_.push_back(extent);
    ++inode.extents;
}

daxfs_extent* NewInodes::last_extent(const NewInode& inode) {
    return inode.extents == 0 ? nullptr : &extents_[inode.first + inode.extents - 1];
}

std::vector<daxfs_extent> NewInodes::extents(const NewInode& inode) const {
    if (inode.extents == 0)
        return {};
    const auto first = extents_.begin() + static_cast<std::ptrdiff_t>(inode.first);
    return {first, first + inode.extents};
}

void NewInodes::add_entry(const NewInode& directory, std::string_view name, InodeNo ino, std::uint8_t type) {
    entries(directory).push_back(
        {.name = texts_.keep(name), .ino = ino, .length = static_cast<std::uint8_t>(name.size()), .type = type});
}

void NewInodes::start_entries(NewInode& directory) {
    directory.first = directories_.size();
    directories_.emplace_back();
}

void NewInodes::set_target(NewInode& symlink, std::string_view target) {
    symlink.first = targets_.size();
    targets_.emplace_back(texts_.keep(target), target.size());
}

}  // namespace daxfs
