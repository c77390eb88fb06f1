// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/directory.h"

#include <algorithm>

#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr std::uint64_t kOrdinalMask = (std::uint64_t{1} << DAXFS_DIR_KEY_HASH_SHIFT) - 1;

std::uint64_t key_of(const Volume& volume, std::string_view name) {
    return directory_key(volume.super, std::as_bytes(std::span(name)));
}

}  // namespace

const char* name_fault(std::string_view name) {
    if (name.empty())
        return "empty name";
    if (name == "." || name == "..")
        return "name is . or ..";
    return name.find('/') != name.npos || name.find('\0') != name.npos ? "name holds a slash or NUL" : nullptr;
}

LeafCursor::LeafCursor(const Volume& volume, InodeNo owner, const TreeNode& leaf)
    : volume_(&volume), owner_(owner), leaf_(leaf), offset_(DAXFS_DIR_LEAF_START) {}

std::optional<DirectoryRecord> LeafCursor::next() {
    record_damage_.reset();
    if (offset_ == DAXFS_BLOCK_SIZE || damage_)
        return std::nullopt;
    const std::uint32_t room = DAXFS_BLOCK_SIZE - offset_;
    const auto* raw = reinterpret_cast<const daxfs_dirent*>(leaf_.bytes() + offset_);
    const std::uint32_t length = room < sizeof(daxfs_dirent) ? 0 : std::uint32_t{raw->length};
    if (length < sizeof(daxfs_dirent) + (length == 0 ? 0 : raw->name_length) || length % 8 != 0 || length > room) {
        damage_ = Damage{.kind = DamageKind::kRange,
                         .unit = Unit::kDirectoryEntry,
                         .block = leaf_.block,
                         .offset = offset_,
                         .owner = owner_,
                         .detail = "record length does not tile the leaf"};
        return std::nullopt;
    }
    const auto* text = reinterpret_cast<const char*>(raw + 1);
    DirectoryRecord record{.offset = offset_, .raw = raw, .name = {text, raw->name_length}};
    offset_ += length;
    record_damage_ = check(record);
    return record;
}

std::optional<Damage> LeafCursor::check(const DirectoryRecord& record) const {
    const daxfs_dirent& raw = *record.raw;
    Damage damage{.kind = DamageKind::kValue,
                  .unit = Unit::kDirectoryEntry,
                  .block = leaf_.block,
                  .offset = record.offset,
                  .owner = owner_};
    const auto because = [&](DamageKind kind, const char* detail) {
        damage.kind = kind;
        damage.detail = detail;
        return damage;
    };
    const std::span bytes(leaf_.bytes() + record.offset, sizeof(raw) + record.name.size());
    if (const std::uint32_t actual = dirent_checksum(volume_->seed, bytes); raw.crc != actual) {
        damage.found = raw.crc;
        damage.expected = actual;
        return because(DamageKind::kChecksum, "");
    }
    if (record.free()) {
        const bool zero = raw.name_length == 0 && raw.key == 0 && raw.ino == 0;
        return zero ? std::nullopt : std::optional(because(DamageKind::kValue, "free space with a key, name or inode"));
    }
    if (raw.type > DAXFS_DIRENT_LNK)
        return because(DamageKind::kValue, "unknown type");
    if (const char* fault = name_fault(record.name))
        return because(DamageKind::kValue, fault);
    if ((raw.key & ~kOrdinalMask) != key_of(*volume_, record.name))
        return because(DamageKind::kValue, "key is not the hash of the name");
    if (raw.key < leaf_.low_key || raw.key >= leaf_.high_key)
        return because(DamageKind::kOrder, "key outside its leaf's range");
    return std::nullopt;
}

DirectoryCursor::DirectoryCursor(const Volume& volume, const daxfs_inode& inode, std::uint64_t from)
    : volume_(&volume), owner_{inode.ino}, from_(from) {
    if (inode.format != DAXFS_FORMAT_DIRECTORY)
        return;
    tree_.emplace(volume, TreeKind::kDirectory, inode, from);
    if (tree_->fork_damage())
        note(*tree_->fork_damage());
}

bool DirectoryCursor::load_next_leaf() {
    leaf_.clear();
    next_ = 0;
    if (!tree_)
        return false;
    while (const auto node = tree_->next()) {
        if (node->damage) {
            note(*node->damage);
            continue;
        }
        if (node->level > 0)
            continue;
        LeafCursor records(*volume_, owner_, *node);
        while (const auto record = records.next()) {
            if (records.record_damage())
                note(*records.record_damage());
            else if (!record->free() && record->raw->key >= from_)
                leaf_.push_back({.key = record->raw->key,
                                 .ino = InodeNo{record->raw->ino},
                                 .type = record->raw->type,
                                 .name = std::string(record->name),
                                 .leaf = node->block,
                                 .offset = record->offset});
        }
        if (records.damage())
            note(*records.damage());
        std::ranges::sort(leaf_, {}, &DirectoryEntry::key);
        return true;
    }
    return false;
}

std::optional<DirectoryEntry> DirectoryCursor::next() {
    while (next_ < leaf_.size() || load_next_leaf()) {
        if (next_ < leaf_.size())
            return std::move(leaf_[next_++]);
    }
    return std::nullopt;
}

std::optional<DirectoryEntry> find_entry(const Volume& volume, const daxfs_inode& directory, std::string_view name) {
    const std::uint64_t key = key_of(volume, name);
    DirectoryCursor cursor(volume, directory, key);
    while (auto entry = cursor.next()) {
        if (entry->key > (key | kOrdinalMask))
            break;
        if (entry->name == name)
            return entry;
    }
    return std::nullopt;
}

Result<InodeNo> resolve_path(const Volume& volume, std::string_view path) {
    if (!path.starts_with('/'))
        return fail("{}: not an absolute path", path);
    InodeNo at{volume.super.root_ino};
    for (std::size_t start = 0; start < path.size();) {
        const std::size_t slash = std::min(path.find('/', start), path.size());
        const std::string_view name = path.substr(start, slash - start);
        const std::string_view parent = start <= 1 ? std::string_view("/") : path.substr(0, start - 1);
        start = slash + 1;
        if (name.empty() || name == ".")
            continue;
        const InodeReading reading = read_inode(volume, at);
        if (reading.damage)
            return fail("{}: {}", parent, describe(*reading.damage));
        if (!is_directory(*reading.raw))
            return fail("{}: not a directory", parent);
        if (name == "..") {
            at = InodeNo{reading.raw->parent};
            continue;
        }
        const auto entry = find_entry(volume, *reading.raw, name);
        if (!entry)
            return fail("{}: no such file or directory", path.substr(0, slash));
        at = entry->ino;
    }
    return at;
}

}  // namespace daxfs
