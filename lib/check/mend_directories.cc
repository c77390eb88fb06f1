// SPDX-License-Identifier: GPL-2.0-or-later
// A directory whose tree or names are damaged gets a new tree of the names that can be found and lead somewhere. A name
// of the wrong type gets the right one; of two names of a directory, that in the parent which it says it has is kept.
//
// Trusts the inodes: which are in use, and of what type.
#include <map>
#include <set>

#include "lib/check/directory_names.h"
#include "lib/tree/inode.h"

namespace daxfs {
namespace {

constexpr Problem kLossless[] = {Problem::kDuplicateKey, Problem::kLeafCount, Problem::kEntryType};
constexpr Problem kOfNames[] = {Problem::kDirectoryNodeDamaged, Problem::kEntryDamaged, Problem::kEntryDangling,
                                Problem::kDuplicateName, Problem::kTreeRootDamaged};

class DirectoryMend {
  public:
    explicit DirectoryMend(Mending& m) : m_(m), lost_(m.checker) {}

    Result<void> run() {
        choose_names();
        for (const Problem problem : kLossless)
            add(problem);
        if (m_.may_lose()) {
            for (const Problem problem : kOfNames)
                add(problem);
            directories_.insert(m_.memory.rebuild.begin(), m_.memory.rebuild.end());
        } else {
            // What is beside damage that -p leaves, it leaves too.
            for (const Problem problem : kOfNames) {
                for (const Finding& finding : m_.work(problem))
                    directories_.erase(finding.ino);
            }
        }
        for (const InodeNo ino : directories_)
            DAXFS_TRY(mend(ino));
        m_.memory.rebuild.clear();
        return {};
    }

  private:
    void add(Problem problem) {
        for (const Finding& finding : m_.work(problem))
            directories_.insert(finding.ino);
    }

    // Of several names of one directory: in which directory the one lies that stays.
    void choose_names() {
        if (!m_.may_lose())
            return;
        for (const Finding& finding : m_.work(Problem::kDirectoryTwoParents)) {
            const InodeNo child{finding.at};
            const DirectoryState* state = m_.checker.inodes.find_directory(child);
            directories_.insert(finding.ino);
            if (state == nullptr || child.value == m_.volume.super.root_ino) {
                stays_[child] = InodeNo{0};
                continue;
            }
            directories_.insert(state->named_by);
            const auto [it, first] = stays_.emplace(child, state->named_by);
            if (finding.ino == state->parent)
                it->second = finding.ino;
        }
    }

    Result<void> mend(InodeNo ino) {
        const InodeReading reading = read_mapped_inode(m_.volume, ino);
        if (reading.damage || !is_directory(*reading.raw))
            return {};
        const daxfs_inode inode = *reading.raw;
        FoundNames found = collect_names(m_, inode, ino, m_.may_lose() ? &lost_ : nullptr);
        std::erase_if(found.names, [&](NewDirent& name) { return !keep(ino, name); });
        if (found.lost_some)
            m_.lose(ino, "names, perhaps: a part of the directory does not check out");
        return rebuild_directory(m_, ino, inode, std::move(found.names));
    }

    bool keep(InodeNo directory, NewDirent& name) {
        const InodeState* target = m_.checker.inodes.find(name.ino);
        if (target != nullptr && target->damaged)
            return true;
        if (target == nullptr || !target->used()) {
            m_.lose(directory, fmt::format("the name '{}', which led to inode {}", name.name, name.ino));
            return false;
        }
        name.type = target->type;
        if (target->type != DAXFS_DIRENT_DIR)
            return true;
        const auto choice = stays_.find(name.ino);
        if (choice == stays_.end())
            return name.ino.value != m_.volume.super.root_ino;
        if (choice->second != directory) {
            m_.lose(directory, fmt::format("the name '{}', a second one of directory {}", name.name, name.ino));
            return false;
        }
        choice->second = InodeNo{0};  // another one in the same directory goes
        return true;
    }

    Mending& m_;
    LostLeaves lost_;
    std::set<InodeNo> directories_;
    std::map<InodeNo, InodeNo> stays_;
};

}  // namespace

Result<void> mend_directories(Mending& m) {
    return DirectoryMend(m).run();
}

}  // namespace daxfs
