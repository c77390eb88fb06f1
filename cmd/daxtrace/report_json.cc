// SPDX-License-Identifier: GPL-2.0-or-later
// Version 1 only grows: members are added, none changes its meaning.
#include <algorithm>

#include "cmd/daxtrace/daxtrace.h"
#include "cmd/daxtrace/reasons.h"
#include "cmd/daxtrace/report.h"
#include "lib/cli/json.h"

namespace daxfs::trace {
namespace {

using cli::Json;

Json histogram_json(const daxtrace_op& op) {
    Json buckets = Json::array();
    for (unsigned bucket = 0; bucket < DAXTRACE_BUCKETS; ++bucket) {
        if (op.histogram[bucket] == 0)
            continue;
        Json one{{"from_ns", bucket == 0 ? 0 : std::uint64_t{1} << bucket}};
        if (bucket + 1 < DAXTRACE_BUCKETS)
            one["below_ns"] = std::uint64_t{1} << (bucket + 1);
        one["count"] = op.histogram[bucket];
        buckets.push_back(std::move(one));
    }
    return buckets;
}

Json operations_json(const Summary& summary) {
    Json rows = Json::array();
    for (unsigned id = 0; id < DAXTRACE_OP_COUNT; ++id) {
        const daxtrace_op& op = summary.ops[id];
        rows.push_back({{"name", op_name(static_cast<daxtrace_op_id>(id)).key},
                        {"count", op.count},
                        {"errors", op.errors},
                        {"total_ns", op.total_ns},
                        {"max_ns", op.max_ns},
                        {"p50_at_most_ns", quantile_bound(op, 0.5)},
                        {"p99_at_most_ns", quantile_bound(op, 0.99)},
                        {"bytes", op.bytes},
                        {"blocks_allocated", op.allocated},
                        {"histogram", histogram_json(op)}});
    }
    return rows;
}

std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

// Only those that occurred.
Json reasons_json(const daxtrace_totals& totals, bool fallback) {
    Json rows = Json::array();
    for (const Reason& reason : reasons()) {
        const std::uint64_t count = totals.reasons[reason.code];
        if (reason.fallback == fallback && count != 0)
            rows.push_back({{"code", static_cast<int>(reason.code)},
                            {"reason", reason.key},
                            {"count", count},
                            {"meaning", reason.meaning},
                            {"remedy", one_line(reason.remedy)}});
    }
    return rows;
}

Json allocation_json(const daxtrace_totals& totals) {
    Json kinds = Json::object();
    for (std::size_t kind = 0; kind < DAXTRACE_ALLOC_KINDS; ++kind)
        kinds[alloc_kind_name(kind)] = {{"calls", totals.alloc_calls[kind]}, {"blocks", totals.alloc_blocks[kind]}};
    return {{"errors", totals.alloc_errors}, {"kinds", std::move(kinds)}};
}

Json map_states_json(const daxtrace_totals& totals) {
    Json states = Json::object();
    for (std::size_t state = 0; state < DAXTRACE_MAP_STATES; ++state)
        states[map_state_name(state)] = totals.map_states[state];
    return states;
}

Json probes_json(const Summary& summary) {
    Json rows = Json::array();
    for (const ProbeState& probe : summary.probes) {
        Json row{{"tracepoint", probe.name}, {"attached", probe.attached}};
        if (!probe.attached)
            row["why_not"] = probe.why;
        rows.push_back(std::move(row));
    }
    return rows;
}

void add_daxfs(Json& root, const daxtrace_totals& totals) {
    root["commits"] = {{"entries", totals.commit_entries},
                       {"logged_bytes", totals.commit_logged_bytes},
                       {"flushed_lines", totals.commit_flushed_lines},
                       {"fences", totals.commit_fences}};
    root["short_writes"] = totals.short_writes;
    root["conversions"] = {
        {"count", totals.converted}, {"bytes", totals.converted_bytes}, {"errors", totals.convert_errors}};
    root["allocations"] = allocation_json(totals);
    root["recovery"] = {
        {"transactions", totals.recoveries}, {"entries", totals.recovery_entries}, {"bytes", totals.recovery_bytes}};
}

void add_cost(Json& root, const Summary& summary) {
    if (summary.cost.empty())
        return;
    Json rows = Json::array();
    for (const ProgramCost& cost : summary.cost)
        rows.push_back({{"tracepoint", cost.probe}, {"runs", cost.runs}, {"total_ns", cost.total_ns}});
    root["cost"] = std::move(rows);
}

}  // namespace

std::string json_report(const Summary& summary) {
    Json root{{"kernel", summary.kernel}};
    if (!summary.command.empty())
        root["command"] = summary.command;
    if (summary.exit_status)
        root["exit_status"] = *summary.exit_status;
    root["duration_ns"] = summary.duration_ns;
    root["device"] = summary.device.empty() ? Json(nullptr) : Json(summary.device);
    root["processes"] = summary.processes;
    root["events"] = {{"seen", summary.seen()},
                      {"recorded", summary.totals.recorded},
                      {"dropped", summary.dropped()},
                      {"dropped_no_start", summary.totals.dropped_no_start},
                      {"dropped_by_kernel", summary.kernel_missed},
                      {"of_other_devices", summary.totals.other_device},
                      {"of_other_processes", summary.totals.other_task},
                      {"children_missed", summary.totals.children_missed}};
    root["operations"] = operations_json(summary);
    root["fallbacks"] = reasons_json(summary.totals, true);
    root["not_tried"] = reasons_json(summary.totals, false);
    root["mapping_states"] = map_states_json(summary.totals);
    root["map_sync"] = {{"faults", summary.totals.sync_faults}, {"metadata_flushed", summary.totals.sync_dirty}};
    add_daxfs(root, summary.totals);
    add_cost(root, summary);
    root["probes"] = probes_json(summary);
    root["notes"] = summary.notes;
    return cli::json_text(cli::document({"daxfs.daxtrace.summary", 1, kProgram.name}, root)) + '\n';
}

}  // namespace daxfs::trace
