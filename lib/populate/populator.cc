// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inodes and data go to the builder as they come; names stay here until all came, because a later entry may take them
// away.
#include "lib/populate/populator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/checked.h"
#include "lib/format/inode_schema.h"
#include "lib/tree/directory.h"

namespace daxfs {
namespace {

constexpr std::string_view kLostAndFound = "lost+found";
const std::uint64_t kMaxMajor = kSchema<daxfs_inode>.find("rdev_major")->max;
const std::uint64_t kMaxMinor = kSchema<daxfs_inode>.find("rdev_minor")->max;

// The next component of `path`, which is shortened by it; "." and empty ones are passed over. Empty: no more.
std::string_view next_component(std::string_view& path) {
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view component = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (!component.empty() && component != ".")
            return component;
    }
    return {};
}

bool has_component(std::string_view path) {
    return !next_component(path).empty();
}

Result<void> check_name(std::string_view name) {
    if (name.size() > DAXFS_NAME_MAX)
        return fail("a name in its path has {} bytes, more than {}", name.size(), DAXFS_NAME_MAX);
    if (const char* fault = name_fault(name))
        return fail("\"{}\" cannot be the name of a file: {}", name, fault);
    return {};
}

Timestamp no_later(Timestamp time, std::int64_t latest_sec) {
    return time.sec >= latest_sec ? Timestamp{latest_sec, 0} : time;
}

}  // namespace

Populator::Populator(FilesystemBuilder& builder, PopulateOptions options)
    : builder_(builder), options_(std::move(options)), tree_(builder.root()), writer_(builder) {
    tree_.at(tree_.add(NameTree::kRoot, kLostAndFound, S_IFDIR, builder.lost_and_found())).pinned = true;
}

Result<void> Populator::add(EntrySource& source) {
    ++layer_;
    known_.clear();
    for (;;) {
        DAXFS_TRY_ASSIGN(const Entry* entry, source.next());
        if (entry == nullptr)
            return {};
        DAXFS_TRY(add_entry(source, *entry));
        ++progress_.entries;
        DAXFS_TRY(tell_progress());
    }
}

Result<void> Populator::add_entry(EntrySource& source, const Entry& entry) {
    const bool away = entry.kind != Entry::Kind::kFile;
    if (auto done = away ? take_away(entry) : place(source, entry); !done)
        return fail("{}: {}", source.describe(entry.path), done.error().message);
    counts_.with_xattrs += entry.has_xattrs ? 1 : 0;
    counts_.with_acls += entry.has_acl ? 1 : 0;
    counts_.whiteouts += away ? 1 : 0;
    return {};
}

Result<void> Populator::tell_progress() {
    if (options_.progress && !options_.progress(progress_))
        return fail("interrupted");
    return {};
}

Attributes Populator::settled(const Attributes& attributes) const {
    if (!options_.latest_sec)
        return attributes;
    Attributes settled = attributes;
    if (settled.modified)
        settled.modified = no_later(*settled.modified, *options_.latest_sec);
    settled.accessed = settled.modified;
    return settled;
}

// Parents that are missing are made, or else nothing is found.
Result<Populator::Place> Populator::look_up(std::string_view path, bool make_parents) {
    Place place{.id = NameTree::kRoot};
    for (;;) {
        const std::string_view name = next_component(path);
        if (name.empty())
            return place;
        DAXFS_TRY(check_name(name));
        place = {.parent = place.id, .name = name, .id = tree_.find(place.id, name)};
        if (!has_component(path))
            return place;
        if (place.id == NameTree::kNone && !make_parents)
            return Place{};
        if (place.id == NameTree::kNone) {
            DAXFS_TRY_ASSIGN(place.id, make_directory(place.parent, name, {}));
        }
        if (!S_ISDIR(tree_.at(place.id).type))
            return fail("\"{}\" in its path is not a directory", name);
    }
}

Result<Populator::Id> Populator::make_directory(Id parent, std::string_view name, const Attributes& attributes) {
    DAXFS_TRY_ASSIGN(const InodeNo ino, builder_.add_directory(FilesystemBuilder::kNoParent, {}, attributes));
    const Id id = tree_.add(parent, name, S_IFDIR, ino);
    tree_.at(id).layer = layer_;
    return id;
}

Result<void> Populator::place(EntrySource& source, const Entry& entry) {
    DAXFS_TRY_ASSIGN(const Place at, look_up(entry.path, true));
    if (entry.link_to)
        return place_link(at, entry);
    const Attributes attributes = settled(entry.attributes);
    if (S_ISDIR(entry.type))
        return place_directory(at, attributes);
    return place_other(source, at, entry, attributes);
}

Result<void> Populator::place_directory(const Place& at, const Attributes& attributes) {
    if (at.id != NameTree::kNone && S_ISDIR(tree_.at(at.id).type)) {
        tree_.at(at.id).layer = layer_;
        return builder_.set_attributes(tree_.at(at.id).ino, attributes);
    }
    if (at.id != NameTree::kNone)
        DAXFS_TRY(remove(at.id));
    DAXFS_TRY(make_directory(at.parent, at.name, attributes));
    return {};
}

Result<void> Populator::place_link(const Place& at, const Entry& entry) {
    auto target = look_up(*entry.link_to, false);
    if (!target)
        return fail("the target \"{}\" of the hard link: {}", *entry.link_to, target.error().message);
    if (target->id == NameTree::kNone)
        return fail("a hard link to \"{}\", which is not there", *entry.link_to);
    if (S_ISDIR(tree_.at(target->id).type))
        return fail("a hard link to the directory \"{}\"", *entry.link_to);
    if (target->id == at.id)
        return {};
    const InodeNo ino = tree_.at(target->id).ino;
    const std::uint16_t type = tree_.at(target->id).type;
    ++extra_names_[ino];
    return name(at, type, ino);
}

Result<void> Populator::place_other(EntrySource& source, const Place& at, const Entry& entry,
                                    const Attributes& attributes) {
    const auto type = static_cast<std::uint16_t>(entry.type & S_IFMT);
    const auto known = entry.identity ? known_.find(*entry.identity) : known_.end();
    if (known != known_.end()) {
        ++extra_names_[known->second];
        return name(at, type, known->second);
    }
    // Before its data takes space that this frees.
    DAXFS_TRY(name(at, 0, InodeNo{0}));
    DAXFS_TRY_ASSIGN(const InodeNo ino, add_inode(entry, attributes));
    if (S_ISREG(entry.type))
        DAXFS_TRY(copy_data(source, ino, entry.size));
    if (entry.identity)
        known_.emplace(*entry.identity, ino);
    Place free = at;
    free.id = NameTree::kNone;
    return name(free, type, ino);
}

// With type 0 the name is only made free.
Result<void> Populator::name(const Place& at, std::uint16_t type, InodeNo ino) {
    if (at.name.empty())
        return fail("the root must be a directory");
    if (at.id != NameTree::kNone)
        DAXFS_TRY(remove(at.id));
    if (type != 0)
        tree_.at(tree_.add(at.parent, at.name, type, ino)).layer = layer_;
    return {};
}

Result<InodeNo> Populator::add_inode(const Entry& entry, const Attributes& attributes) {
    constexpr InodeNo kNobody = FilesystemBuilder::kNoParent;
    if (S_ISREG(entry.type)) {
        if (entry.size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return fail("a file of {} bytes is too large", entry.size);
        return builder_.add_file(kNobody, {}, entry.size, {}, attributes);
    }
    if (S_ISLNK(entry.type)) {
        if (entry.target.empty() || entry.target.size() > DAXFS_SYMLINK_MAX)
            return fail("the target of the symbolic link has {} bytes, not 1 to {}", entry.target.size(),
                        DAXFS_SYMLINK_MAX);
        return builder_.add_symlink(kNobody, {}, entry.target, attributes);
    }
    const bool device = S_ISCHR(entry.type) || S_ISBLK(entry.type);
    if (!device && !S_ISFIFO(entry.type) && !S_ISSOCK(entry.type))
        return fail("is of an unknown type ({:#o})", entry.type);
    if (device && (entry.major > kMaxMajor || entry.minor > kMaxMinor))
        return fail("the device number {}:{} is too large: at most {}:{}", entry.major, entry.minor, kMaxMajor,
                    kMaxMinor);
    return builder_.add_special(kNobody, {}, entry.type & S_IFMT, device ? static_cast<std::uint32_t>(entry.major) : 0,
                                device ? static_cast<std::uint32_t>(entry.minor) : 0, attributes);
}

Result<void> Populator::copy_data(EntrySource& source, InodeNo file, std::uint64_t size_bytes) {
    writer_.start(file, size_bytes);
    for (;;) {
        auto piece = source.next_piece();
        if (!piece)
            return tl::unexpected(std::move(piece).error());
        if (!*piece)
            return writer_.finish();
        DAXFS_TRY(writer_.put(**piece));
        progress_.bytes += (*piece)->length;
        DAXFS_TRY(tell_progress());
    }
}

Result<void> Populator::take_away(const Entry& entry) {
    DAXFS_TRY_ASSIGN(const Place at, look_up(entry.path, false));
    if (at.id == NameTree::kNone)
        return {};
    DAXFS_TRY(remove_below(at.id, layer_));
    NameTree::Node& node = tree_.at(at.id);
    if (entry.kind == Entry::Kind::kOpaque || node.pinned || node.layer == layer_ ||
        node.first_child != NameTree::kNone)
        return {};
    return remove(at.id);
}

Result<void> Populator::drop_name_of(InodeNo ino) {
    if (const auto it = extra_names_.find(ino); it != extra_names_.end()) {
        if (--it->second == 0)
            extra_names_.erase(it);
        return {};
    }
    std::erase_if(known_, [&](const auto& known) { return known.second == ino; });
    return builder_.discard(ino);
}

// With all below it.
Result<void> Populator::remove(Id id) {
    if (tree_.at(id).pinned)
        return fail("must be a directory");
    DAXFS_TRY(remove_below(id, std::numeric_limits<std::uint32_t>::max()));
    const InodeNo ino = tree_.at(id).ino;
    tree_.remove(id);
    return drop_name_of(ino);
}

// What is below `top` and was last in a layer before this one; directories stay that keep something. Without recursion:
// an archive may have any depth.
Result<void> Populator::remove_below(Id top, std::uint32_t before_layer) {
    Id id = tree_.at(top).first_child;
    Id parent = top;
    while (id != NameTree::kNone || parent != top) {
        if (id == NameTree::kNone) {
            // All children were looked at: now the directory itself.
            id = parent;
            parent = tree_.at(id).parent;
        } else if (tree_.at(id).first_child != NameTree::kNone) {
            parent = id;
            id = tree_.at(id).first_child;
            continue;
        }
        const NameTree::Node node = tree_.at(id);
        if (node.layer < before_layer && !node.pinned && node.first_child == NameTree::kNone) {
            tree_.remove(id);
            DAXFS_TRY(drop_name_of(node.ino));
        }
        id = node.next;
    }
    return {};
}

Result<void> Populator::count(Id id, PopulateCounts& counts) {
    const NameTree::Node& node = tree_.at(id);
    if (const auto it = extra_names_.find(node.ino); it != extra_names_.end()) {
        ++counts.further_links;
        if (--it->second == 0)
            extra_names_.erase(it);
        return {};
    }
    counts.directories += S_ISDIR(node.type) ? 1 : 0;
    counts.symlinks += S_ISLNK(node.type) ? 1 : 0;
    counts.special_files += !S_ISDIR(node.type) && !S_ISLNK(node.type) && !S_ISREG(node.type) ? 1 : 0;
    if (!S_ISREG(node.type))
        return {};
    ++counts.files;
    DAXFS_TRY_ASSIGN(const std::uint64_t size, builder_.file_size(node.ino));
    counts.bytes = checked_add(counts.bytes, size).value_or(std::numeric_limits<std::uint64_t>::max());
    return {};
}

Result<PopulateCounts> Populator::finish() {
    PopulateCounts counts = counts_;
    for (Id id = NameTree::kRoot + 1; id < tree_.end(); ++id) {
        const NameTree::Node& node = tree_.at(id);
        if (node.type == 0 || node.pinned)
            continue;
        DAXFS_TRY(builder_.add_link(tree_.at(node.parent).ino, node.text(), node.ino));
        DAXFS_TRY(count(id, counts));
    }
    tree_ = NameTree(builder_.root());
    return counts;
}

}  // namespace daxfs
