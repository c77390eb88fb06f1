// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of daxfs_trace_format.h as tables of names, for JSON, reports and daxfs(5).
#pragma once

#include "lib/format/daxfs_trace_format.h"
#include "lib/format/schema.h"

namespace daxfs {

#define DAXFS_ROW_NAME(number, enumerator, name, meaning) NamedValue{number, name, meaning},
inline constexpr std::array kAllocKinds{DAXFS_ALLOC_KINDS(DAXFS_ROW_NAME)};
inline constexpr std::array kMapStates{DAXFS_MAP_STATES(DAXFS_ROW_NAME)};
inline constexpr std::array kFaultReasons{DAXFS_FAULT_REASONS(DAXFS_ROW_NAME)};
#undef DAXFS_ROW_NAME

// Where a number without a row is counted.
inline constexpr std::string_view kOtherName = "other";

inline constexpr std::array kTraceNameTables{
    NameTable{.name = "daxfs_alloc_kind", .values = kAllocKinds},
    NameTable{.name = "daxfs_map_state", .values = kMapStates},
    NameTable{.name = "daxfs_fault_reason", .values = kFaultReasons},
};

namespace trace_names_detail {

// A number is its row's place: counters are arrays.
constexpr bool dense(std::span<const NamedValue> values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i].value != i)
            return false;
    return true;
}
static_assert(dense(kAllocKinds) && dense(kMapStates) && dense(kFaultReasons));

}  // namespace trace_names_detail

}  // namespace daxfs
