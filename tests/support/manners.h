// SPDX-License-Identifier: GPL-2.0-or-later
// What every tool does alike on its command line, held against the table of its options.
#pragma once

#include <gmock/gmock.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/tool.h"

namespace daxfs::test {

// A document that says what it is.
inline nlohmann::ordered_json expect_envelope(const Outcome& ran, const std::string& program) {
    const auto json = nlohmann::ordered_json::parse(ran.out, nullptr, false);
    EXPECT_TRUE(json.is_object()) << ran.out;
    if (!json.is_object())
        return nlohmann::ordered_json::object();
    EXPECT_TRUE(json.contains("schema") && json["schema"].is_string()) << ran.out;
    EXPECT_TRUE(json.contains("version") && json["version"].is_number_unsigned()) << ran.out;
    EXPECT_EQ(json.value("program", ""), program);
    return json;
}

// What was said on standard error is in the document too.
inline void expect_error_document(const Outcome& ran, const std::string& program) {
    const auto json = expect_envelope(ran, program);
    EXPECT_EQ(json.value("schema", ""), "daxfs.error");
    EXPECT_EQ(json.value("version", 0), 1);
    EXPECT_EQ(json.value("exit", -1), ran.code);
    EXPECT_NE(ran.code, 0);
    const std::string message = json.value("error", "");
    EXPECT_NE(message, "");
    EXPECT_EQ(ran.err, program + ": " + message + "\n");
}

// Each option and argument of `app` that takes a value, given an empty one, is a usage error that names it.
template <typename Tool>
void expect_empty_values_refused(const CLI::App& app, const Tool& tool, int usage_exit,
                                 const std::vector<std::string>& verbs = {}) {
    std::vector<std::string> places;  // what stands in front of the next argument without a name
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_items_expected_max() == 0)
            continue;
        const std::string name = option->get_name();
        const auto refused = [&](std::vector<std::string> args) {
            args.insert(args.begin(), verbs.begin(), verbs.end());
            const Outcome ran = run_tool(tool, args);
            EXPECT_EQ(ran.code, usage_exit) << testing::PrintToString(args);
            EXPECT_EQ(ran.out, "") << testing::PrintToString(args);
            EXPECT_THAT(ran.err, testing::HasSubstr(name)) << testing::PrintToString(args);
            EXPECT_THAT(ran.err, testing::HasSubstr("the value is empty")) << testing::PrintToString(args);
        };
        std::vector<std::string> args{name};
        if (option->get_positional()) {
            args = places;
            places.push_back("x");
        }
        args.emplace_back();
        refused(args);
        if (name.starts_with("--"))
            refused({name + "=", "next"});
    }
    for (const CLI::App* verb : app.get_subcommands({})) {
        std::vector<std::string> deeper = verbs;
        deeper.push_back(verb->get_name());
        expect_empty_values_refused(*verb, tool, usage_exit, deeper);
    }
}

// -V and --version print one line; a mistake is one line that names the program and points to --help.
template <typename Tool>
void expect_manners(const Tool& tool, const std::string& program, int usage_exit) {
    for (const char* option : {"-V", "--version"}) {
        const Outcome ran = run_tool(tool, {option});
        EXPECT_EQ(ran.code, 0) << option;
        EXPECT_EQ(ran.out, program + " " + DAXFS_VERSION + "\n");
        EXPECT_EQ(ran.err, "");
    }
    const Outcome wrong = run_tool(tool, {"--no-such-option"});
    EXPECT_EQ(wrong.code, usage_exit);
    EXPECT_THAT(wrong.err, testing::StartsWith(program + ": "));
    EXPECT_THAT(wrong.err, testing::EndsWith("; see " + program + " --help\n"));
    EXPECT_EQ(std::count(wrong.err.begin(), wrong.err.end(), '\n'), 1) << wrong.err;
}

}  // namespace daxfs::test
