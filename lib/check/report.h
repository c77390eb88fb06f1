// SPDX-License-Identifier: GPL-2.0-or-later
// The findings of one check. A damaged structure is named a few times, then counted: one bad node does not print
// hundreds of lines, and memory stays bounded on any image.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "lib/check/problem.h"

namespace daxfs {

class Report {
  public:
    Report() = default;
    // `observer` sees every finding, also those that are only counted.
    explicit Report(std::function<void(const Finding&)> observer) : observer_(std::move(observer)) {}

    static constexpr std::size_t kMaxPerPlace = 8;  // findings of one inode, or of one AG and kind
    static constexpr std::size_t kMaxFindings = 2000;

    // The same, for keeps: nobody sees what is added.
    Report without_observer() const {
        Report copy = *this;
        copy.observer_ = nullptr;
        return copy;
    }

    void add(Finding finding);
    // That many more of a kind, of which nothing else is known.
    void add_unseen(Problem problem, std::uint64_t count);

    std::vector<Finding>& findings() { return findings_; }
    const std::vector<Finding>& findings() const { return findings_; }

    // All of them, kept or not.
    std::uint64_t total() const { return total_; }
    std::uint64_t count(Problem problem) const;
    const std::map<Problem, std::uint64_t>& counts() const { return counts_; }
    std::uint64_t left_out() const { return total_ - findings_.size(); }
    bool has(Severity severity) const;

    // Marks as fixed what a check after the repairs does not find any more.
    void settle(const Report& after);
    std::uint64_t fixed() const { return fixed_; }
    std::uint64_t unfixed() const { return total_ - fixed_; }

  private:
    std::function<void(const Finding&)> observer_;
    std::vector<Finding> findings_;
    std::uint64_t total_ = 0;
    std::uint64_t fixed_ = 0;
    std::map<Problem, std::uint64_t> counts_;
    std::unordered_map<std::uint64_t, std::uint32_t> per_place_;
};

}  // namespace daxfs
