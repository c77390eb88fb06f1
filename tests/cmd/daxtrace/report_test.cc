// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/daxtrace/doctor.h"
#include "cmd/daxtrace/probes.h"
#include "cmd/daxtrace/reasons.h"
#include "cmd/daxtrace/units.h"
#include "lib/format/trace_names.h"

namespace daxfs::trace {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

void add(Summary& summary, daxtrace_op_id id, std::uint64_t count, std::uint64_t each_ns) {
    daxtrace_op& op = summary.ops[id];
    op.count += count;
    op.total_ns += count * each_ns;
    op.max_ns = std::max<std::uint64_t>(op.max_ns, each_ns);
    op.histogram[daxtrace_bucket(each_ns)] += count;
    summary.totals.seen += count;
    summary.totals.recorded += count;
}

Summary sample() {
    Summary summary;
    summary.kernel = "6.12.0";
    summary.command = {"dd", "of=/mnt/a"};
    summary.exit_status = 0;
    summary.processes = "the command's processes";
    summary.duration_ns = 1500000000;
    summary.probes = {{"dax_pmd_fault_done", true, ""}, {"daxfs_fault", false, "the daxfs module is not loaded"}};
    add(summary, DAXTRACE_OP_FAULT_PMD_WRITE, 8, 3000);
    add(summary, DAXTRACE_OP_FAULT_PMD_FALLBACK, 3, 900);
    add(summary, DAXTRACE_OP_FAULT_PTE_READ, 1234, 700);
    summary.totals.reasons[DAXTRACE_REASON_SHORT_EXTENT] = 2;
    summary.totals.reasons[DAXTRACE_REASON_EOF] = 1;
    return summary;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

TEST(TextReport, SaysHowManyFaultsWereHuge) {
    const std::string text = text_report(sample(), false);
    EXPECT_THAT(text, HasSubstr("daxtrace: dd of=/mnt/a (exit 0, 1.50 s)\n"));
    EXPECT_THAT(text, HasSubstr("Huge pages: 8 faults of 2 MiB mapped 16 MiB; 3 fell back; 1,234 faults of 4 KiB\n"));
}

TEST(TextReport, GivesTheReasonOfAFallbackWithItsRemedy) {
    const std::string text = text_report(sample(), false);
    EXPECT_THAT(text, HasSubstr("2  extent shorter than 2 MiB\n"));
    EXPECT_THAT(text, HasSubstr("mkfs.xfs -d su=2m,sw=1"));
    EXPECT_THAT(text, HasSubstr("1  the file ends inside the 2 MiB\n"));
    EXPECT_THAT(text, Not(HasSubstr("private mapping")));
}

TEST(TextReport, AlwaysShowsThatSeenIsRecordedAndDropped) {
    Summary summary = sample();
    EXPECT_THAT(text_report(summary, false), HasSubstr("Events: 1,245 seen = 1,245 recorded + 0 dropped\n"));
    summary.totals.seen += 4;
    summary.totals.dropped_no_start = 4;
    summary.kernel_missed = 2;
    const std::string text = text_report(summary, false);
    EXPECT_THAT(text, HasSubstr("Events: 1,251 seen = 1,245 recorded + 6 dropped\n"));
    EXPECT_THAT(text, HasSubstr("4 began before the trace"));
    EXPECT_THAT(text, HasSubstr("2 came while the kernel ran the same program"));
}

TEST(TextReport, AdmitsCountersThatDoNotAddUp) {
    Summary summary = sample();
    summary.totals.seen += 1;
    EXPECT_FALSE(summary.adds_up());
    EXPECT_THAT(text_report(summary, false), HasSubstr("does not add up"));
}

TEST(TextReport, HasColumnsUnderTheirHeadings) {
    const std::vector<std::string> lines = lines_of(text_report(sample(), false));
    const auto starting = [&lines](const std::string& start) {
        for (const std::string& line : lines)
            if (line.starts_with(start))
                return line;
        return std::string();
    };
    const std::string heading = starting("Faults");
    const std::string row = starting("  2 MiB, write");
    ASSERT_FALSE(heading.empty());
    EXPECT_EQ(heading.size(), row.size());
    EXPECT_EQ(row.find(" 8 ") + 2, heading.find("count") + 5);
    EXPECT_THAT(row, HasSubstr("3.00 us"));
}

TEST(TextReport, FitsALineOfAHundredColumns) {
    Summary summary = sample();
    for (std::uint32_t reason = 1; reason < DAXTRACE_REASON_COUNT; ++reason)
        summary.totals.reasons[reason] = 18446744073709551615u;
    for (unsigned id = 0; id < DAXTRACE_OP_COUNT; ++id)
        add(summary, static_cast<daxtrace_op_id>(id), 1234567, 999);
    for (const std::string& line : lines_of(text_report(summary, false)))
        EXPECT_LE(line.size(), 105u) << line;
}

TEST(TextReport, DrawsBarsInProportionAndAnyCountAtLeastOnce) {
    Summary summary;
    add(summary, DAXTRACE_OP_COMMIT, 1000, 1500);
    add(summary, DAXTRACE_OP_COMMIT, 500, 3000);
    add(summary, DAXTRACE_OP_COMMIT, 1, 5000);
    const std::string text = text_report(summary, false);
    EXPECT_THAT(text, HasSubstr("1.02 us to 2.05 us  |########################################| 1,000\n"));
    EXPECT_THAT(text, HasSubstr("2.05 us to 4.10 us  |####################                    | 500\n"));
    EXPECT_THAT(text, HasSubstr("4.10 us to 8.19 us  |#                                       | 1\n"));
}

TEST(TextReport, SummarisesCommitsInWords) {
    Summary summary;
    add(summary, DAXTRACE_OP_COMMIT, 4, 1500);
    summary.totals.commit_entries = 20;
    summary.totals.commit_logged_bytes = 4096;
    summary.totals.commit_flushed_lines = 50;
    summary.totals.commit_fences = 12;
    const std::string text = text_report(summary, false);
    EXPECT_THAT(text, HasSubstr("Undo log: 20 entries, 4 KiB (1 KiB a commit)\n"));
    EXPECT_THAT(text, HasSubstr("Flushed lines: 50 (12.5 a commit); fences: 12 (3.0 a commit)\n"));
}

TEST(TextReport, HasColourOnlyWhenAsked) {
    EXPECT_THAT(text_report(sample(), false), Not(HasSubstr("\033")));
    EXPECT_THAT(text_report(sample(), true), HasSubstr("\033[32m  2 MiB, write"));
    EXPECT_THAT(text_report(sample(), true), HasSubstr("\033[33m  2 MiB, fell back"));
}

TEST(TextReport, LetsNoControlCharacterOfACommandThrough) {
    Summary summary = sample();
    summary.command = {"evil\033[2J\n", std::string(500, 'x')};
    const std::string text = text_report(summary, false);
    EXPECT_THAT(text, Not(HasSubstr("\033")));
    EXPECT_THAT(text, HasSubstr("evil\\x1b[2J\\x0a"));
    EXPECT_THAT(text, Not(HasSubstr(std::string(100, 'x'))));
}

TEST(TextReport, SaysSoWhenNothingWasSeen) {
    EXPECT_THAT(text_report(Summary{}, false), HasSubstr("No DAX operation was seen"));
}

TEST(JsonReport, IsVersionOneOfItsSchema) {
    const json root = json::parse(json_report(sample()));
    EXPECT_EQ(root["schema"], "daxfs.daxtrace.summary");
    EXPECT_EQ(root["version"], 1);
    EXPECT_EQ(root["command"], (std::vector<std::string>{"dd", "of=/mnt/a"}));
    EXPECT_EQ(root["exit_status"], 0);
    EXPECT_EQ(root["duration_ns"], 1500000000);
    EXPECT_TRUE(root["device"].is_null());
}

TEST(JsonReport, HasEveryMemberThatTheSchemaPromises) {
    const json root = json::parse(json_report(Summary{}));
    for (const char* member : {"schema", "version", "kernel", "duration_ns", "device", "processes", "events",
                               "operations", "fallbacks", "not_tried", "mapping_states", "map_sync", "commits",
                               "short_writes", "conversions", "allocations", "recovery", "probes", "notes"})
        EXPECT_TRUE(root.contains(member)) << member;
    for (const char* member : {"seen", "recorded", "dropped", "dropped_no_start", "dropped_by_kernel",
                               "of_other_devices", "of_other_processes", "children_missed"})
        EXPECT_EQ(root["events"][member], 0) << member;
    EXPECT_EQ(root["operations"].size(), static_cast<std::size_t>(DAXTRACE_OP_COUNT));
}

TEST(JsonReport, HoldsTheCountsTheHistogramAndTheReasons) {
    const json root = json::parse(json_report(sample()));
    EXPECT_EQ(root["events"]["seen"], 1245);
    const json& write = root["operations"][DAXTRACE_OP_FAULT_PMD_WRITE];
    EXPECT_EQ(write["name"], "fault_pmd_write");
    EXPECT_EQ(write["count"], 8);
    EXPECT_EQ(write["total_ns"], 24000);
    EXPECT_EQ(write["histogram"], json::parse(R"([{"from_ns": 2048, "below_ns": 4096, "count": 8}])"));
    ASSERT_EQ(root["fallbacks"].size(), 2u);
    EXPECT_EQ(root["fallbacks"][0]["reason"], "end_of_file");
    EXPECT_EQ(root["fallbacks"][1]["reason"], "short_extent");
    EXPECT_EQ(root["fallbacks"][1]["code"], 9);
    EXPECT_EQ(root["fallbacks"][1]["count"], 2);
    EXPECT_EQ(root["probes"][1]["why_not"], "the daxfs module is not loaded");
}

// As the BPF programs count them: what the tables know, then numbers that they do not.
Summary unknown_numbers() {
    Summary summary;
    for (const NamedValue& kind : kAllocKinds)
        daxtrace_count_alloc(&summary.totals, static_cast<std::uint32_t>(kind.value), 10);
    for (const NamedValue& state : kMapStates)
        daxtrace_count_map(&summary.totals, static_cast<std::uint32_t>(state.value));
    for (const std::uint32_t number : {200u, 0x80000000u, 0xffffffffu}) {
        daxtrace_count_alloc(&summary.totals, number, 0xffffffff);
        daxtrace_count_map(&summary.totals, number);
        daxtrace_count_reason(&summary.totals, daxtrace_daxfs_reason(number, 0, 0));
    }
    return summary;
}

TEST(JsonReport, CountsWhatItDoesNotKnowAsOther) {
    const json root = json::parse(json_report(unknown_numbers()));
    const json& kinds = root["allocations"]["kinds"];
    EXPECT_EQ(kinds.size(), kAllocKinds.size() + 1);
    for (const NamedValue& kind : kAllocKinds)
        EXPECT_EQ(kinds[std::string(kind.name)], json::parse(R"({"calls": 1, "blocks": 10})")) << kind.name;
    EXPECT_EQ(kinds["other"], json::parse(R"({"calls": 3, "blocks": 12884901885})"));
    const json& states = root["mapping_states"];
    EXPECT_EQ(states, json::parse(R"({"hole": 1, "written": 1, "unwritten": 1, "other": 3})"));
    ASSERT_EQ(root["fallbacks"].size(), 1u);
    EXPECT_EQ(root["fallbacks"][0]["reason"], "other");
    EXPECT_EQ(root["fallbacks"][0]["count"], 3);
}

TEST(JsonReport, KeepsTheKeysOfEarlierVersions) {
    const json root = json::parse(json_report(Summary{}));
    for (const char* kind : {"meta", "small", "data", "huge"})
        EXPECT_EQ(root["allocations"]["kinds"][kind]["blocks"], 0) << kind;
    for (const char* member : {"transactions", "entries"})
        EXPECT_EQ(root["recovery"][member], 0) << member;
}

TEST(TextReport, CountsWhatItDoesNotKnowAsOther) {
    const std::string text = text_report(unknown_numbers(), false);
    EXPECT_THAT(text, HasSubstr("tail 10 (1 call), other 12,884,901,885 (3 calls)\n"));
    EXPECT_THAT(text, HasSubstr("  Mapped to: hole 1, written 1, unwritten 1, other 3\n"));
    EXPECT_THAT(text, HasSubstr("3  none of the known reasons\n"));
}

TEST(JsonReport, SurvivesBytesThatAreNoText) {
    Summary summary = sample();
    summary.command = {"\xff\xfe"};
    EXPECT_TRUE(json::accept(json_report(summary)));
}

TEST(Doctor, NamesEveryProbeAndWhyItDoesNotWork) {
    Diagnosis diagnosis{.kernel = "6.12.0", .btf_trouble = "", .permission_trouble = "", .probes = {}, .log = ""};
    for (const Probe& probe : probes())
        diagnosis.probes.push_back({probe.tracepoint, false, "a reason"});
    EXPECT_FALSE(usable(diagnosis));
    const std::string text = doctor_text(diagnosis, false);
    for (const Probe& probe : probes())
        EXPECT_THAT(text, HasSubstr(probe.tracepoint));
    EXPECT_THAT(text, HasSubstr("no: a reason"));
    diagnosis.probes[3].attached = true;
    EXPECT_TRUE(usable(diagnosis));
    const json root = json::parse(doctor_json(diagnosis));
    EXPECT_EQ(root["schema"], "daxfs.daxtrace.doctor");
    EXPECT_EQ(root["version"], 1);
    EXPECT_EQ(root["probes"][3]["works"], true);
    EXPECT_EQ(root["probes"][4]["why_not"], "a reason");
}

TEST(Units, AreThoseAPersonWouldUse) {
    EXPECT_EQ(format_duration(0), "0 ns");
    EXPECT_EQ(format_duration(999), "999 ns");
    EXPECT_EQ(format_duration(1024), "1.02 us");
    EXPECT_EQ(format_duration(9996), "10.0 us");
    EXPECT_EQ(format_duration(999600), "1.00 ms");
    EXPECT_EQ(format_duration(2500000000), "2.50 s");
    EXPECT_EQ(format_duration(std::uint64_t{4001} * 1000000000), "4001 s");
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(1000), "1,000");
    EXPECT_EQ(format_count(18446744073709551615u), "18,446,744,073,709,551,615");
    EXPECT_EQ(format_bytes(0), "0 B");
    EXPECT_EQ(format_bytes(4096), "4 KiB");
    EXPECT_EQ(format_bytes(1536 * 1024), "1.50 MiB");
}

}  // namespace
}  // namespace daxfs::trace
