// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/trace_names.h"

#include <set>

#include <gtest/gtest.h>

namespace daxfs {
namespace {

TEST(TraceNames, AreUniqueAndExplained) {
    for (const NameTable& table : kTraceNameTables) {
        std::set<std::string_view> names;
        for (const NamedValue& value : table.values) {
            EXPECT_FALSE(value.description.empty()) << value.name;
            names.insert(value.name);
        }
        EXPECT_EQ(names.size(), table.values.size()) << table.name;
    }
}

// They are keys of one JSON object with it.
TEST(TraceNames, OfKindsAndStatesAreNotOther) {
    for (const NamedValue& value : kAllocKinds)
        EXPECT_NE(value.name, kOtherName);
    for (const NamedValue& value : kMapStates)
        EXPECT_NE(value.name, kOtherName);
}

// An interface: neither a number nor a name may change.
TEST(TraceNames, StayAsTheyWere) {
    EXPECT_EQ(DAXFS_STATFS_MAGIC, 0x50444658u);
    EXPECT_EQ(DAXFS_ALLOC_MEDIUM, 4);
    EXPECT_EQ(kAllocKinds[DAXFS_ALLOC_MEDIUM].name, "medium");
    EXPECT_EQ(DAXFS_MAP_UNWRITTEN, 2);
    EXPECT_EQ(kMapStates[DAXFS_MAP_UNWRITTEN].name, "unwritten");
    EXPECT_EQ(DAXFS_FAULT_CACHED_SMALL, 10);
    EXPECT_EQ(kFaultReasons[DAXFS_FAULT_CACHED_SMALL].name, "cached as 4 KiB");
}

}  // namespace
}  // namespace daxfs
