// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/tool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <ostream>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "lib/cli/json.h"

namespace daxfs::cli {
namespace {

using testing::HasSubstr;

// How a process ends that runs `tool` with standard output on `out`: its status as waitpid() tells it, and what it
// said.
struct Ending {
    int status = -1;
    std::string err;
};

Ending run_with_output(int out, const Program& program, const Tool& tool) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        char name[] = "tool";
        char* argv[] = {name, nullptr};
        _exit(run_main(1, argv, program, tool));
    }
    close(ends[1]);
    Ending ending;
    char buffer[512];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
        ending.err.append(buffer, static_cast<std::size_t>(got));
    close(ends[0]);
    waitpid(child, &ending.status, 0);
    return ending;
}

int talks(Args, Streams& streams) {
    streams.out << "repaired\n";
    return 1;
}

TEST(RunMain, AddsItsTroubleToBitsOfTheToolsOwn) {
    const int full = open("/dev/full", O_WRONLY);
    ASSERT_GE(full, 0);
    const Ending bits = run_with_output(full, {.name = "fsck.x", .trouble_exit = 8, .exits_add_up = true}, talks);
    EXPECT_EQ(WEXITSTATUS(bits.status), 9);
    EXPECT_EQ(bits.err, "fsck.x: cannot write to standard output\n");
    const Ending plain = run_with_output(full, {.name = "x", .trouble_exit = 8}, talks);
    EXPECT_EQ(WEXITSTATUS(plain.status), 8);
    close(full);
}

// A pipe that nobody reads.
int broken_pipe() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    close(ends[0]);
    return ends[1];
}

TEST(RunMain, WhatEndsItsWorkOutlivesAReaderThatGoesAway) {
    const int out = broken_pipe();
    const Ending stays = run_with_output(out, {.name = "x", .trouble_exit = 8, .ends_its_work = true}, talks);
    ASSERT_TRUE(WIFEXITED(stays.status));
    EXPECT_EQ(WEXITSTATUS(stays.status), 8);
    const Ending goes = run_with_output(out, {.name = "x", .trouble_exit = 8}, talks);
    ASSERT_TRUE(WIFSIGNALED(goes.status));
    EXPECT_EQ(WTERMSIG(goes.status), SIGPIPE);
    close(out);
}

TEST(RunMain, NamesTheProgramWhoseLibraryThrew) {
    const int null = open("/dev/null", O_WRONLY);
    const Ending memory = run_with_output(null, {"x", 8}, [](Args, Streams&) -> int { throw std::bad_alloc(); });
    EXPECT_EQ(WEXITSTATUS(memory.status), 8);
    EXPECT_EQ(memory.err, "x: out of memory\n");
    const Ending other = run_with_output(null, {"x", 8}, [](Args, Streams&) -> int { throw std::range_error("oh"); });
    EXPECT_EQ(other.err, "x: a fault of this program: oh\n");
    close(null);
}

TEST(Terminal, TakesEscapesUnlessItIsDumbOrUnknown) {
    EXPECT_TRUE(takes_escapes("xterm-256color"));
    EXPECT_TRUE(takes_escapes("linux"));
    EXPECT_FALSE(takes_escapes("dumb"));
    EXPECT_FALSE(takes_escapes(""));
    EXPECT_FALSE(takes_escapes(nullptr));
}

struct Parsed {
    std::optional<int> code;
    std::string out, err;
    std::optional<std::uint64_t> number;
    std::string text;
};

Parsed parse_words(std::vector<std::string> words) {
    Parsed parsed;
    std::istringstream in;
    std::ostringstream out, err;
    Streams streams{in, out, err};
    CLI::App app("", "tool");
    bool json = false;
    app.add_option("--number", parsed.number);
    app.add_option("-t,--text", parsed.text);
    app.add_flag("--json", json);
    std::string place;
    app.add_option("place", place)->required();
    parsed.code = parse(app, words, streams, 16);
    parsed.out = out.str();
    parsed.err = err.str();
    return parsed;
}

TEST(Parse, GoesOnWithWhatWasGiven) {
    const Parsed parsed = parse_words({"--number", "5", "--text=a=", "here"});
    EXPECT_EQ(parsed.code, std::nullopt) << parsed.err;
    EXPECT_EQ(parsed.number, 5u);
    EXPECT_EQ(parsed.text, "a=");
}

TEST(Parse, TakesNoEmptyValueForOneThatWasNotGiven) {
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"--number", "", "here"}, "tool: --number: the value is empty; see tool --help\n"},
        {{"--number=", "5", "here"}, "tool: --number=: the value is empty; see tool --help\n"},
        {{"-t", "", "here"}, "tool: --text: the value is empty; see tool --help\n"},
        {{""}, "tool: place: the value is empty; see tool --help\n"},
    };
    for (const auto& [words, message] : cases) {
        const Parsed parsed = parse_words(words);
        EXPECT_EQ(parsed.code, 16);
        EXPECT_EQ(parsed.err, message);
        EXPECT_EQ(parsed.out, "");
    }
}

TEST(Parse, SaysAMistakeInJsonWhereThatWasAskedFor) {
    const Parsed parsed = parse_words({"--json", "--nonsense", "here"});
    EXPECT_EQ(parsed.code, 16);
    const auto json = nlohmann::json::parse(parsed.out);
    EXPECT_EQ(json["schema"], "daxfs.error");
    EXPECT_EQ(json["program"], "tool");
    EXPECT_EQ(json["exit"], 16);
    EXPECT_THAT(json["error"].get<std::string>(), HasSubstr("see tool --help"));
    EXPECT_EQ(parse_words({"--nonsense"}).out, "");
    EXPECT_FALSE(asks_for_json(std::vector<std::string>{"--", "--json"}));
}

TEST(Document, BeginsWithWhatItIs) {
    std::ostringstream out;
    write_json(out, {"a.b", 3, "tool"}, {{"path", "\xff"}});
    EXPECT_EQ(
        out.str(),
        "{\n  \"schema\": \"a.b\",\n  \"version\": 3,\n  \"program\": \"tool\",\n  \"path\": \"\xef\xbf\xbd\"\n}\n");
}

}  // namespace
}  // namespace daxfs::cli
