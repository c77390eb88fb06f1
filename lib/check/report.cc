// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/report.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace daxfs {
namespace {

// Of what belongs to no inode each kind counts apart.
std::uint64_t place_of(const Finding& finding) {
    if (finding.ino.value != 0)
        return finding.ino.value;
    return std::uint64_t{1} << 63 | static_cast<std::uint64_t>(finding.problem) << 40 | finding.ag.value;
}

}  // namespace

void Report::add(Finding finding) {
    ++total_;
    ++counts_[finding.problem];
    if (observer_)
        observer_(finding);
    if (findings_.size() >= kMaxFindings || ++per_place_[place_of(finding)] > kMaxPerPlace)
        return;
    findings_.push_back(std::move(finding));
}

void Report::add_unseen(Problem problem, std::uint64_t count) {
    if (count == 0)
        return;
    total_ += count;
    counts_[problem] += count;
}

std::uint64_t Report::count(Problem problem) const {
    const auto it = counts_.find(problem);
    return it == counts_.end() ? 0 : it->second;
}

bool Report::has(Severity severity) const {
    for (const auto& [problem, count] : counts_) {
        if (info(problem).severity == severity)
            return true;
    }
    return false;
}

void Report::settle(const Report& after) {
    using Place = std::tuple<Problem, InodeNo, BlockNo, AgNo>;
    const auto place = [](const Finding& f) { return Place(f.problem, f.ino, f.block, f.ag); };
    std::set<Place> left;
    for (const Finding& finding : after.findings())
        left.insert(place(finding));
    fixed_ = 0;
    for (const auto& [problem, count] : counts_)
        fixed_ += count - std::min(count, after.count(problem));
    for (Finding& finding : findings_)
        finding.fixed = after.count(finding.problem) == 0 || !left.contains(place(finding));
}

}  // namespace daxfs
