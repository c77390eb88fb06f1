// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's lock functions, by name. What they lock is their first argument; whose lock it is, says their caller.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tests/scale/model/trace.h"

namespace daxfs::scale {

// What a call of `function` does to the lock. While operations are recorded nobody else is there: who tries gets it.
std::optional<Step> lock_step(std::string_view function);

// Functions that touch what is their caller's: locks, and counters of many owners.
bool works_for_caller(std::string_view function);

}  // namespace daxfs::scale
