// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/problem.h"

#include <algorithm>
#include <array>

#include "lib/base/printable.h"

namespace daxfs {
namespace {

constexpr std::array kCatalogue{
#define PROBLEM(name, id, severity, fix, message, explanation) \
    ProblemInfo{Problem::name, #name, Severity::severity, Fix::fix, message, explanation},
#include "lib/check/problems.def"
#undef PROBLEM
};
static_assert(std::ranges::is_sorted(kCatalogue, std::ranges::less_equal{}, &ProblemInfo::problem), "ids ascend");

}  // namespace

std::span<const ProblemInfo> problem_catalogue() {
    return kCatalogue;
}

const ProblemInfo* find_problem(unsigned id) {
    const auto* it = std::ranges::lower_bound(kCatalogue, id, {}, &ProblemInfo::id);
    return it != kCatalogue.end() && it->id() == id ? it : nullptr;
}

const char* severity_name(Severity severity) {
    switch (severity) {
        case Severity::kRecovery:
            return "recovery";
        case Severity::kPreen:
            return "preen";
        case Severity::kCorrupt:
            return "corrupt";
    }
    return "";
}

const char* fix_name(Fix fix) {
    switch (fix) {
        case Fix::kNone:
            return "none";
        case Fix::kRollBack:
            return "rolled back";
        case Fix::kFreeOrphan:
            return "freed";
        case Fix::kFinishOperation:
            return "finished";
        case Fix::kRewriteCopy:
            return "copy rewritten";
        case Fix::kClearState:
            return "mark cleared";
        case Fix::kRewriteMap:
            return "map rewritten";
        case Fix::kRewriteCounters:
            return "counter corrected";
        case Fix::kRewriteUnit:
            return "written again";
        case Fix::kEmptyJournal:
            return "journal emptied";
        case Fix::kApplyIntent:
            return "applied";
        case Fix::kClearIntent:
            return "cleared";
        case Fix::kMendInode:
            return "mended or freed";
        case Fix::kRebuildTree:
            return "tree rebuilt";
        case Fix::kSeparate:
            return "separated";
        case Fix::kRebuildNames:
            return "names rebuilt";
        case Fix::kReattach:
            return "reattached";
        case Fix::kMakeRoot:
            return "made anew";
        case Fix::kClearBytes:
            return "replaced with zeros";
    }
    return "";
}

Finding finding_of(Problem problem, const Damage& damage) {
    std::string detail = kind_name(damage.kind);
    if (damage.kind == DamageKind::kValue && damage.detail[0] != '\0')
        detail = damage.detail;
    else if (damage.detail[0] != '\0')
        detail += fmt::format(", {}", damage.detail);
    if (damage.found != damage.expected) {
        const bool bits = damage.kind == DamageKind::kMagic || damage.kind == DamageKind::kChecksum;
        detail += bits ? fmt::format(" (found {:#x}, expected {:#x})", damage.found, damage.expected)
                       : fmt::format(" (found {}, expected {})", damage.found, damage.expected);
    }
    return {.problem = problem,
            .ino = damage.owner,
            .block = damage.block,
            .offset = damage.offset,
            .found = damage.found,
            .expected = damage.expected,
            .detail = std::move(detail)};
}

std::string message_of(const Finding& finding) {
    return fmt::format(fmt::runtime(info(finding.problem).message), fmt::arg("ino", finding.ino.value),
                       fmt::arg("block", finding.block.value), fmt::arg("offset", finding.offset),
                       fmt::arg("ag", finding.ag.value), fmt::arg("at", finding.at), fmt::arg("found", finding.found),
                       fmt::arg("expected", finding.expected), fmt::arg("count", finding.count),
                       fmt::arg("detail", finding.detail), fmt::arg("name", printable(finding.name)));
}

}  // namespace daxfs
