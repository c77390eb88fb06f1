// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/result.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>

#include "cmd/daxbench/daxbench.h"

namespace daxfs::bench {
namespace {

constexpr const char* kSchema = "daxbench-fs";
constexpr int kVersion = 1;

cli::Json to_json(const Row& row) {
    cli::Json json{{"operation", row.operation}, {"samples_ns", row.samples}};
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

// A value of the document and where it is: "targets[0].rows[3]".
struct Place {
    const nlohmann::json& value;
    std::string path;

    Place element(std::size_t i) const { return {value[i], fmt::format("{}[{}]", path, i)}; }
};

Result<Place> member(const Place& of, const char* name) {
    const std::string path = of.path.empty() ? name : fmt::format("{}.{}", of.path, name);
    if (!of.value.is_object())
        return fail("{} is not an object", of.path.empty() ? "it" : of.path);
    const auto found = of.value.find(name);
    if (found == of.value.end())
        return fail("{} is missing", path);
    return Place{*found, path};
}

Result<Place> list(const Place& of, const char* name) {
    DAXFS_TRY_ASSIGN(Place place, member(of, name));
    if (!place.value.is_array())
        return fail("{} is not a list", place.path);
    return place;
}

Result<std::string> text(const Place& of, const char* name) {
    DAXFS_TRY_ASSIGN(const Place place, member(of, name));
    if (!place.value.is_string())
        return fail("{} is not a text", place.path);
    return place.value.get<std::string>();
}

Result<double> number(const Place& place) {
    if (!place.value.is_number())
        return fail("{} is not a number", place.path);
    return place.value.get<double>();
}

Result<double> number(const Place& of, const char* name) {
    DAXFS_TRY_ASSIGN(const Place place, member(of, name));
    return number(place);
}

Result<unsigned> calls_of(const Place& row) {
    DAXFS_TRY_ASSIGN(const double calls, number(row, "calls"));
    if (!(calls >= 0 && calls <= std::numeric_limits<unsigned>::max()))
        return fail("{}.calls is not a count", row.path);
    return static_cast<unsigned>(calls);
}

Result<Persistence> persistence_from(const Place& place) {
    Persistence counts;
    DAXFS_TRY_ASSIGN(counts.commits, number(place, "commits"));
    DAXFS_TRY_ASSIGN(counts.flushed_lines, number(place, "flushed_lines"));
    DAXFS_TRY_ASSIGN(counts.fences, number(place, "fences"));
    DAXFS_TRY_ASSIGN(counts.logged_bytes, number(place, "logged_bytes"));
    return counts;
}

Result<Row> row_from(const Place& place) {
    Row row;
    DAXFS_TRY_ASSIGN(row.operation, text(place, "operation"));
    DAXFS_TRY_ASSIGN(const Place samples, list(place, "samples_ns"));
    for (std::size_t i = 0; i < samples.value.size(); ++i) {
        DAXFS_TRY_ASSIGN(const double sample, number(samples.element(i)));
        row.samples.push_back(sample);
    }
    if (place.value.contains("error")) {
        DAXFS_TRY_ASSIGN(row.error, text(place, "error"));
    }
    if (place.value.contains("calls")) {
        DAXFS_TRY_ASSIGN(row.calls, calls_of(place));
    }
    if (place.value.contains("persistence")) {
        DAXFS_TRY_ASSIGN(const Place counts, member(place, "persistence"));
        DAXFS_TRY_ASSIGN(row.persistence, persistence_from(counts));
    }
    return row;
}

Result<Target> target_from(const Place& place) {
    Target target;
    DAXFS_TRY_ASSIGN(target.name, text(place, "name"));
    DAXFS_TRY_ASSIGN(target.directory, text(place, "directory"));
    DAXFS_TRY_ASSIGN(const Place rows, list(place, "rows"));
    for (std::size_t i = 0; i < rows.value.size(); ++i) {
        DAXFS_TRY_ASSIGN(Row row, row_from(rows.element(i)));
        target.rows.push_back(std::move(row));
    }
    return target;
}

Result<void> check_schema(const Place& root) {
    DAXFS_TRY_ASSIGN(const std::string schema, text(root, "schema"));
    if (schema == "daxfs.error") {
        DAXFS_TRY_ASSIGN(const std::string message, text(root, "error"));
        return fail("it tells of an error: {}", message);
    }
    if (schema != kSchema)
        return fail("its schema is '{}', not '{}'", schema, kSchema);
    DAXFS_TRY_ASSIGN(const double version, number(root, "version"));
    if (version != kVersion)
        return fail("it is of version {}, not {}", version, kVersion);
    return {};
}

Result<Suite> suite_from(const Place& root) {
    DAXFS_TRY(check_schema(root));
    Suite suite;
    DAXFS_TRY_ASSIGN(suite.kernel, text(root, "kernel"));
    DAXFS_TRY_ASSIGN(suite.cpu, text(root, "cpu"));
    DAXFS_TRY_ASSIGN(const std::string unit, text(root, "unit"));
    suite.instructions = unit == "instructions";
    DAXFS_TRY_ASSIGN(const Place targets, list(root, "targets"));
    for (std::size_t i = 0; i < targets.value.size(); ++i) {
        DAXFS_TRY_ASSIGN(Target target, target_from(targets.element(i)));
        suite.targets.push_back(std::move(target));
    }
    return suite;
}

// The library says more in its exceptions than without, in words that nobody asked for.
Result<void> parse_json(const std::string& text, nlohmann::json& json) {
    try {
        json = nlohmann::json::parse(text);
        return {};
    } catch (const nlohmann::json::parse_error& error) {
        if (text.find_first_not_of(" \t\r\n") == text.npos)
            return fail("it is empty");
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
        return fail("it is no JSON from line {} on", 1 + std::count(text.begin(), end, '\n'));
    } catch (const nlohmann::json::exception&) {
        return fail("it is JSON with a number that is out of range");
    }
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

cli::Json to_json(const Suite& suite) {
    cli::Json targets = cli::Json::array();
    for (const Target& target : suite.targets) {
        cli::Json rows = cli::Json::array();
        for (const Row& row : target.rows)
            rows.push_back(to_json(row));
        targets.push_back({{"name", target.name}, {"directory", target.directory}, {"rows", rows}});
    }
    return cli::document({kSchema, kVersion, kProgram.name}, {{"tool_version", DAXFS_VERSION},
                                                              {"kernel", suite.kernel},
                                                              {"cpu", suite.cpu},
                                                              {"unit", suite.instructions ? "instructions" : "ns"},
                                                              {"targets", targets}});
}

Result<Suite> suite_from_json(const std::string& text) {
    constexpr const char* kNot = "not a result of daxbench fs: {}";
    nlohmann::json json;
    if (const auto parsed = parse_json(text, json); !parsed)
        return fail(kNot, parsed.error().message);
    auto suite = suite_from({json, ""});
    if (!suite)
        return fail(kNot, suite.error().message);
    return suite;
}

Result<std::string> read_file(const std::string& path) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0)
        return fail("{}: {}", path, errno_text(errno));
    if (!S_ISREG(st.st_mode))
        return fail("{}: not a regular file", path);
    std::ifstream file(path);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file)
        return fail("{}: cannot be read: {}", path, errno_text(errno));
    return text;
}

}  // namespace daxfs::bench
