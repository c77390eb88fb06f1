// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/scale/model/locks.h"

#include <algorithm>
#include <array>

namespace daxfs::scale {
namespace {

struct Family {
    std::string_view name;
    Step step;
};

// Each with any of the endings below.
constexpr std::array kFamilies = {
    Family{"_raw_spin_lock", Step::kLock},
    Family{"_raw_spin_trylock", Step::kTryLock},
    Family{"_raw_spin_unlock", Step::kUnlock},
    Family{"_raw_write_lock", Step::kLock},
    Family{"_raw_write_trylock", Step::kTryLock},
    Family{"_raw_write_unlock", Step::kUnlock},
    Family{"_raw_read_lock", Step::kLockShared},
    Family{"_raw_read_trylock", Step::kTryLockShared},
    Family{"_raw_read_unlock", Step::kUnlock},
    Family{"mutex_lock", Step::kLock},
    Family{"mutex_trylock", Step::kTryLock},
    Family{"mutex_unlock", Step::kUnlock},
    Family{"down_write", Step::kLock},
    Family{"down_write_trylock", Step::kTryLock},
    Family{"down_read", Step::kLockShared},
    Family{"down_read_trylock", Step::kTryLockShared},
    Family{"up_write", Step::kUnlock},
    Family{"up_read", Step::kUnlock},
    Family{"downgrade_write", Step::kDowngrade},
    Family{"down", Step::kLock},
    Family{"down_trylock", Step::kTryLock},
    Family{"up", Step::kUnlock},
};
constexpr std::array<std::string_view, 10> kEndings = {"",          "_bh", "_irq",           "_irqsave", "_irqrestore",
                                                       "_killable", "_io", "_interruptible", "_nested",  "_timeout"};

constexpr std::array<std::string_view, 6> kHelpers = {"lockref_", "percpu_counter_", "list_lru_",
                                                      "queued_",  "native_queued_",  "osq_"};

}  // namespace

std::optional<Step> lock_step(std::string_view function) {
    for (const Family& family : kFamilies)
        if (function.starts_with(family.name) &&
            std::find(kEndings.begin(), kEndings.end(), function.substr(family.name.size())) != kEndings.end())
            return family.step;
    return std::nullopt;
}

bool works_for_caller(std::string_view function) {
    return lock_step(function) || std::any_of(kHelpers.begin(), kHelpers.end(), [&](std::string_view helper) {
               return function.substr(std::min(function.find_first_not_of('_'), function.size())).starts_with(helper);
           });
}

}  // namespace daxfs::scale
