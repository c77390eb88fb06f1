// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/tracepoints.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

namespace daxfs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kSound =
    "/* An event. */\n"
    "TRACE_EVENT(daxfs_one,\n"
    "\tTP_PROTO(const struct inode *inode, u64 offset),\n"
    "\tTP_ARGS(inode, offset),\n"
    "\tTP_STRUCT__entry(\n"
    "\t\t__field(dev_t, dev)\n"
    "\t\t__field(unsigned int, offset)\t/* in bytes */\n"
    "\t),\n"
    "\tTP_fast_assign(\n"
    "\t\t__entry->dev = inode->i_sb->s_dev;\n"
    "\t),\n"
    "\tTP_printk(\"dev %d\", __entry->dev)\n"
    ");\n";

TEST(Tracepoints, AreReadWithArgumentsMembersAndMeanings) {
    const auto events = parse_tracepoints(kSound);
    ASSERT_TRUE(events) << events.error().message;
    ASSERT_EQ(events->size(), 1u);
    const Tracepoint& event = events->front();
    EXPECT_EQ(event.name, "daxfs_one");
    EXPECT_THAT(event.arguments, ElementsAre("inode", "offset"));
    ASSERT_EQ(event.members.size(), 2u);
    EXPECT_EQ(event.members[0].type, "dev_t");
    EXPECT_EQ(event.members[0].name, "dev");
    EXPECT_EQ(event.members[0].meaning, "");
    EXPECT_EQ(event.members[1].type, "unsigned int");
    EXPECT_EQ(event.members[1].meaning, "in bytes");
}

TEST(Tracepoints, WhatIsNotUnderstoodIsAnErrorWithItsLine) {
    const auto error = [](std::string_view header) {
        const auto events = parse_tracepoints(header);
        return events ? std::string() : events.error().message;
    };
    EXPECT_THAT(error("\n\t\t__field(u64, ino)\n"), HasSubstr("trace.h:2: not understood: __field(u64, ino)"));
    EXPECT_THAT(error("TRACE_EVENT(daxfs_one, TP_PROTO(int a),\n\tTP_ARGS(a),\n"), HasSubstr("has no members"));
    EXPECT_THAT(error("TRACE_EVENT(daxfs_one,\n\tTP_ARGS(a,\n"), HasSubstr("trace.h:2"));
    EXPECT_THAT(error("TRACE_EVENT(daxfs_one,\n\tTP_ARGS(a),\n\t\t__field(u64)\n"), HasSubstr("trace.h:3"));
    for (const char* line : {"\t\t__array(u8, name, 16)", "\t\t__string(name, name)", "DECLARE_EVENT_CLASS(daxfs_all,",
                             "DEFINE_EVENT(daxfs_all, daxfs_two,", "TRACE_EVENT(daxfs_one", "\t\t__field(u64, ino"})
        EXPECT_THAT(error(line), HasSubstr("not understood")) << line;
}

// What daxfs(5) promises to programs that read the raw arguments.
TEST(Tracepoints, OfTheModuleHaveTheirMembersAsArgumentsInOrder) {
    std::ifstream file(DAXFS_SOURCE_DIR "/kernel/trace.h");
    const std::string header{std::istreambuf_iterator<char>(file), {}};
    const auto events = parse_tracepoints(header);
    ASSERT_TRUE(events) << events.error().message;
    EXPECT_GE(events->size(), 9u);
    for (const Tracepoint& event : *events) {
        std::vector<std::string_view> from_members;
        for (const TracepointMember& member : event.members)
            from_members.push_back(member.name);
        std::vector<std::string_view> from_arguments{"dev"};
        if (event.arguments.front() == "inode")
            from_arguments.push_back("ino");
        else
            EXPECT_EQ(event.arguments.front(), "sb") << event.name;
        from_arguments.insert(from_arguments.end(), event.arguments.begin() + 1, event.arguments.end());
        EXPECT_EQ(from_members, from_arguments) << event.name;
    }
}

}  // namespace
}  // namespace daxfs
