// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/report.h"

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
    if (findings_.size() >= kMaxFindings || ++per_place_[place_of(finding)] > kMaxPerPlace)
        return;
    findings_.push_back(std::move(finding));
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

void Report::mark_fixed(Problem problem) {
    for (Finding& finding : findings_) {
        if (finding.problem == problem)
            finding.fixed = true;
    }
    std::uint64_t& done = fixed_counts_[problem];
    fixed_ += count(problem) - done;
    done = count(problem);
}

void Report::mark_fixed(Problem problem, const std::function<bool(const Finding&)>& which) {
    for (Finding& finding : findings_) {
        if (finding.problem != problem || finding.fixed || !which(finding))
            continue;
        finding.fixed = true;
        ++fixed_;
        ++fixed_counts_[problem];
    }
}

}  // namespace daxfs
