// SPDX-License-Identifier: GPL-2.0-or-later
// What daxfs(5), CRASH GUARANTEES, allows a tree to be after a crash, and in which words a tree breaks it.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/crash/lab/snapshot.h"

namespace daxfs::crash {

class Promise {
  public:
    using Reference = std::shared_ptr<const Snapshot>;

    // A case starts with everything durable.
    void start(Reference tree);
    // The operation begins / has returned, and left `tree`. `flags`: see guest/operations.h.
    void begin(std::string_view flags, Reference after);
    void done();
    // Of two calls at once in one operation that below `directory` has returned.
    void half_done(std::string_view directory) { halves_done_.emplace(directory); }
    const Snapshot& tree() const { return *after_; }  // as it is, or will be when the operation has returned

    // While the operation runs the tree may be as before it or as after it; once it returned, as after it. Empty: it
    // is; else what is wrong, one line for each of the first differences.
    std::optional<std::string> broken_by(const Snapshot& found) const;

  private:
    using Files = std::vector<const FileSnapshot*>;
    static Files files_of(const Snapshot& snapshot, std::string_view part);
    std::optional<std::string> broken_by(const Snapshot& found, std::string_view part) const;
    std::optional<std::string> differs(const Files& found, const Files& wanted) const;
    bool grows(const FileSnapshot& file) const;
    std::optional<std::string> data_differs(const FileSnapshot& found, const FileSnapshot& wanted) const;
    bool once_held(std::uint64_t ino, std::uint64_t block, std::size_t offset, char byte) const;
    void loosen();
    void tighten();

    Reference before_, after_;
    bool running_ = false;
    bool in_place_ = false;
    bool in_steps_ = false;
    bool over_blocks_ = false;
    bool maps_anew_ = false;
    bool anything_ = false;
    bool in_halves_ = false;
    std::set<std::string, std::less<>> halves_done_;
    bool flushed_ = false;
    std::string synced_;  // path, "*", or empty
    // Bytes of a block (inode, number) that were changed in place and are not durable for sure, and the trees since the
    // first of them.
    using Bytes = std::bitset<kHashBlock>;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Bytes> loose_;
    std::vector<Reference> history_;
};

}  // namespace daxfs::crash
