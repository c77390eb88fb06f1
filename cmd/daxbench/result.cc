// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/result.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace daxfs::bench {
namespace {

constexpr const char* kSchema = "daxbench-fs";
constexpr int kVersion = 1;

nlohmann::json to_json(const Row& row) {
    nlohmann::json json{{"operation", row.operation}, {"samples_ns", row.samples}};
    if (row.samples.empty()) {
        json["error"] = row.error;
    } else {
        json["calls"] = row.calls;
        json["median_ns"] = row.median();
        json["min_ns"] = row.minimum();
        json["max_ns"] = row.maximum();
    }
    if (row.persistence)
        json["persistence"] = {{"commits", row.persistence->commits},
                               {"flushed_lines", row.persistence->flushed_lines},
                               {"fences", row.persistence->fences},
                               {"logged_bytes", row.persistence->logged_bytes}};
    return json;
}

Row row_from_json(const nlohmann::json& json) {
    Row row{.operation = json.at("operation"),
            .samples = json.at("samples_ns"),
            .error = json.value("error", ""),
            .calls = json.value("calls", 0u)};
    if (json.contains("persistence")) {
        const auto& counts = json.at("persistence");
        row.persistence = Persistence{.commits = counts.at("commits"),
                                      .flushed_lines = counts.at("flushed_lines"),
                                      .fences = counts.at("fences"),
                                      .logged_bytes = counts.at("logged_bytes")};
    }
    return row;
}

}  // namespace

double Row::median() const {
    if (samples.empty())
        return 0;
    std::vector<double> sorted = samples;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Row::minimum() const {
    return samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
}
double Row::maximum() const {
    return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
}

nlohmann::json to_json(const Suite& suite) {
    nlohmann::json targets = nlohmann::json::array();
    for (const Target& target : suite.targets) {
        nlohmann::json rows = nlohmann::json::array();
        for (const Row& row : target.rows)
            rows.push_back(to_json(row));
        targets.push_back({{"name", target.name}, {"directory", target.directory}, {"rows", rows}});
    }
    return {{"schema", kSchema},      {"version", kVersion}, {"tool_version", DAXFS_VERSION},
            {"kernel", suite.kernel}, {"cpu", suite.cpu},    {"unit", suite.instructions ? "instructions" : "ns"},
            {"targets", targets}};
}

Result<Suite> suite_from_json(const std::string& text) {
    // The only place where a library's exceptions are expected: each says which member is wrong.
    try {
        const auto json = nlohmann::json::parse(text);
        if (json.at("schema") != kSchema || json.at("version") != kVersion)
            return fail("not a {} result of version {}", kSchema, kVersion);
        Suite suite{
            .kernel = json.at("kernel"), .cpu = json.at("cpu"), .instructions = json.at("unit") == "instructions"};
        for (const auto& target : json.at("targets")) {
            suite.targets.push_back({.name = target.at("name"), .directory = target.at("directory")});
            for (const auto& row : target.at("rows"))
                suite.targets.back().rows.push_back(row_from_json(row));
        }
        return suite;
    } catch (const nlohmann::json::exception& exception) {
        return fail("{}", exception.what());
    }
}

}  // namespace daxfs::bench
