// SPDX-License-Identifier: GPL-2.0-or-later
// Everything in use can be reached from the root: a root directory is made anew where there is none, loops of
// directories are cut, and what has no name gets one in lost+found: its number, its type, and the number of the
// directory that it says it was in.
//
// Trusts the trees and their names.
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "lib/check/directory_names.h"
#include "lib/tree/directory.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr std::uint16_t kPrivate = S_IFDIR | 0700;
constexpr std::uint16_t kPublic = S_IFDIR | 0755;

const char* type_word(std::uint8_t type) {
    switch (type) {
        case DAXFS_DIRENT_REG:
            return "file";
        case DAXFS_DIRENT_DIR:
            return "dir";
        case DAXFS_DIRENT_CHR:
        case DAXFS_DIRENT_BLK:
            return "device";
        case DAXFS_DIRENT_FIFO:
            return "fifo";
        case DAXFS_DIRENT_SOCK:
            return "socket";
        default:
            return "symlink";
    }
}

class ConnectionMend {
  public:
    explicit ConnectionMend(Mending& m) : m_(m), root_{m.volume.super.root_ino} {}

    Result<void> run() {
        if (!m_.may_lose())
            return {};
        if (m_.has_work(Problem::kRootDamaged))
            return mend_root();
        // A part of the names is not known yet: what has none may still get one.
        if (m_.checker.names_incomplete)
            return {};
        DAXFS_TRY(cut_loops());
        const bool some = m_.has_work(Problem::kUnreachable) || m_.has_work(Problem::kOrphanDirectoryNames);
        return m_.changed() || !some ? Result<void>{} : reattach();
    }

  private:
    daxfs_inode new_directory(std::uint16_t mode, InodeNo parent) const {
        daxfs_inode inode{};
        inode.mode = mode;
        inode.format = DAXFS_FORMAT_DIRECTORY;
        inode.nlink = 2;
        inode.parent = parent.value;
        // The time of mkfs: a check gives the same bytes whenever it runs.
        for (daxfs_le64* time : {&inode.atime_sec, &inode.mtime_sec, &inode.ctime_sec, &inode.btime_sec})
            *time = m_.volume.super.created_sec;
        return inode;
    }

    // Eight free inodes, but those that are there.
    void make_inode_block(BlockNo block) {
        for (std::uint64_t i = 0; i < DAXFS_INODES_PER_BLOCK; ++i) {
            const InodeNo ino{block.value * DAXFS_INODES_PER_BLOCK + i};
            const InodeReading reading = read_mapped_inode(m_.volume, ino);
            if (reading.damage)
                m_.free_inode(ino, reading.raw == nullptr ? 1u : std::uint32_t{reading.raw->generation});
        }
        const AgNo ag = m_.volume.geometry.ag_of(block);
        m_.set_map_bit(ag, MapKind::kInodes, block - m_.volume.geometry.ag_start(ag), true);
    }

    Result<void> mend_root() {
        const BlockNo block = m_.volume.block_of(root_);
        InodeState* state = m_.checker.inodes.find(root_);
        if (state != nullptr && state->type == DAXFS_DIRENT_DIR) {
            daxfs_inode inode = *read_mapped_inode(m_.volume, root_).raw;
            inode.parent = root_.value;
            m_.store_inode(root_, inode);
            return {};
        }
        if (state == nullptr) {
            if (!m_.volume.is_allocatable(block) || m_.checker.claims.is_claimed(block))
                return fail("the root inode's block {} holds something else; restore the superblock from a copy (-b)",
                            block);
            make_inode_block(block);
        } else if (state->used()) {
            m_.lose(root_, "what was in the root inode, which is a directory again");
        }
        daxfs_inode inode = new_directory(kPublic, root_);
        if (const auto* raw = m_.volume.image->at<daxfs_inode>(block, m_.volume.offset_of(root_)))
            inode.generation = raw->generation;
        m_.store_inode(root_, inode);
        m_.memory.distrusted.insert(root_);
        m_.memory.rebuild.insert(root_);
        return {};
    }

    // The directory of each loop with the smallest number loses its name; what hangs on it comes along to lost+found.
    // Each directory is stepped on by one walk upwards.
    Result<void> cut_loops() {
        std::unordered_map<InodeNo, InodeNo> walks;  // who was stepped on, in the walk from where
        for (const Finding& finding : m_.work(Problem::kDirectoryUnreachable)) {
            const auto parent_of = [&](InodeNo ino) { return m_.checker.inodes.find_directory(ino)->named_by; };
            InodeNo at = finding.ino;
            while (walks.emplace(at, finding.ino).second)
                at = parent_of(at);
            // An earlier walk met the same loop.
            if (walks.at(at) != finding.ino)
                continue;
            // `at` is on the loop; the finding may only hang on it.
            const InodeNo start = at;
            InodeNo smallest = at;
            for (at = parent_of(at); at != start; at = parent_of(at))
                smallest = std::min(smallest, at);
            DAXFS_TRY(remove_name(parent_of(smallest), smallest));
        }
        return {};
    }

    Result<void> remove_name(InodeNo directory, InodeNo ino) {
        const daxfs_inode inode = *read_mapped_inode(m_.volume, directory).raw;
        FoundNames found = collect_names(m_, inode, directory, nullptr);
        std::erase_if(found.names, [&](const NewDirent& name) { return name.ino == ino; });
        return rebuild_directory(m_, directory, inode, std::move(found.names));
    }

    Result<InodeNo> free_inode() {
        const InodeTable& inodes = m_.checker.inodes;
        for (std::size_t i = 0; i < inodes.size(); ++i) {
            if (!inodes.state(i).used() && !inodes.state(i).damaged)
                return inodes.number(i);
        }
        const auto block = m_.allocate(m_.volume.geometry.ag_of(m_.volume.block_of(root_)), InodeNo{0});
        if (!block)
            return fail("no free block for lost+found");
        make_inode_block(*block);
        return InodeNo{block->value * DAXFS_INODES_PER_BLOCK};
    }

    struct LostAndFound {
        InodeNo ino;
        std::string name;
    };

    // The directory that takes what has no name; made below the root where it lacks.
    Result<LostAndFound> lost_and_found() {
        const daxfs_inode root = *read_mapped_inode(m_.volume, root_).raw;
        FoundNames names = collect_names(m_, root, root_, nullptr);
        std::unordered_map<std::string, InodeNo> there;  // 0: no directory
        for (const NewDirent& name : names.names)
            there.emplace(name.name, name.type == DAXFS_DIRENT_DIR ? name.ino : InodeNo{0});
        std::string name = "lost+found";
        for (int n = 1;; ++n) {
            const auto it = there.find(name);
            if (it == there.end())
                break;
            if (it->second.value != 0)
                return LostAndFound{it->second, name};
            name = fmt::format("lost+found.{}", n);
        }
        DAXFS_TRY_ASSIGN(const InodeNo ino, free_inode());
        daxfs_inode inode = new_directory(kPrivate, root_);
        const InodeReading old = read_mapped_inode(m_.volume, ino);
        inode.generation = old.raw == nullptr ? 1u : old.raw->generation + 1u;
        m_.store_inode(ino, inode);
        names.names.push_back({.key = 0, .ino = ino, .type = DAXFS_DIRENT_DIR, .name = name});
        daxfs_inode grown = root;
        grown.nlink = grown.nlink + 1;
        DAXFS_TRY(rebuild_directory(m_, root_, grown, std::move(names.names)));
        return LostAndFound{ino, name};
    }

    // What it is, and a number where that is taken: of names that begin with an inode's number there are no more to
    // step over than lost+found holds, for all inodes together.
    static std::string name_for(InodeNo ino, const daxfs_inode& inode, std::unordered_set<std::string>& taken) {
        std::string name = fmt::format("#{}.{}", ino, type_word(dirent_type_of(inode.mode)));
        if (inode.parent != 0)
            name += fmt::format(".from-{}", std::uint64_t{inode.parent});
        std::string free = name;
        for (std::uint64_t n = 2; !taken.insert(free).second; ++n)
            free = fmt::format("{}.{}", name, n);
        return free;
    }

    Result<void> reattach() {
        DAXFS_TRY_ASSIGN(const LostAndFound place, lost_and_found());
        const InodeNo directory = place.ino;
        const daxfs_inode inode = *read_mapped_inode(m_.volume, directory).raw;
        FoundNames names = collect_names(m_, inode, directory, nullptr);
        std::unordered_set<std::string> taken;
        for (const NewDirent& name : names.names)
            taken.insert(name.name);
        m_.each({Problem::kUnreachable, Problem::kOrphanDirectoryNames}, [&](const Finding& finding) {
            daxfs_inode child = *read_mapped_inode(m_.volume, finding.ino).raw;
            const std::string name = name_for(finding.ino, child, taken);
            names.names.push_back({.key = 0, .ino = finding.ino, .type = dirent_type_of(child.mode), .name = name});
            m_.memory.reattached[finding.ino] = fmt::format("/{}/{}", place.name, name);
            child.parent = directory.value;
            m_.store_inode(finding.ino, child);
        });
        return rebuild_directory(m_, directory, inode, std::move(names.names));
    }

    Mending& m_;
    InodeNo root_;
};

}  // namespace

Result<void> mend_connection(Mending& m) {
    return ConnectionMend(m).run();
}

}  // namespace daxfs
