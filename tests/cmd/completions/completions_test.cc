// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/completions/completions.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace daxfs::completions {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

struct Ran {
    int status;
    std::vector<std::string> lines;
};

Ran run_shell(const std::string& command) {
    FILE* pipe = popen(command.c_str(), "r");
    std::string text;
    std::array<char, 512> buffer;
    while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe))
        text.append(buffer.data(), got);
    Ran ran{pclose(pipe), {}};
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        ran.lines.push_back(line);
    return ran;
}

class Completions : public testing::Test {
  protected:
    Completions() {
        std::string pattern = testing::TempDir() + "completions-XXXXXX";
        folder_ = mkdtemp(pattern.data());
        for (const auto& tool : all_tools())
            std::ofstream(folder_ + "/" + tool->get_name()) << bash_completion(*tool);
    }
    ~Completions() override { std::filesystem::remove_all(folder_); }

    // What bash offers for the last of `words`, the first of which is the tool.
    std::vector<std::string> offered(const std::vector<std::string>& words) const {
        std::string line;
        for (const std::string& word : words)
            line += "'" + word + "' ";
        std::string function = "_" + words[0];
        std::replace_if(
            function.begin(), function.end(), [](char c) { return c == '.' || c == '-'; }, '_');
        // compopt works only while bash completes.
        const std::string script = "compopt() { :; }; . " + folder_ + "/" + words[0] + "; COMP_WORDS=(" + line +
                                   "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); " + function +
                                   "; printf \"%s\\n\" \"${COMPREPLY[@]}\"";
        std::ofstream(folder_ + "/script") << script << '\n';
        Ran ran = run_shell("bash -u " + folder_ + "/script 2>&1");
        std::erase(ran.lines, "");
        return ran.lines;
    }

    std::string folder_;
};

TEST_F(Completions, AreBash) {
    for (const auto& tool : all_tools()) {
        const Ran ran = run_shell("bash -n " + folder_ + "/" + tool->get_name() + " 2>&1");
        EXPECT_EQ(ran.status, 0) << tool->get_name();
        EXPECT_THAT(ran.lines, IsEmpty()) << tool->get_name();
    }
}

TEST_F(Completions, OfferEveryOptionOfEveryToolAndVerb) {
    std::size_t tried = 0;
    for (const auto& tool : all_tools()) {
        const CLI::App& whole = *tool;
        std::vector<const CLI::App*> apps = whole.get_subcommands([](const CLI::App*) { return true; });
        apps.push_back(tool.get());
        for (const CLI::App* app : apps) {
            std::vector<std::string> words{tool->get_name()};
            if (app != tool.get())
                words.push_back(app->get_name());
            words.emplace_back("--");
            const auto offers = offered(words);
            for (const CLI::Option* option : app->get_options())
                for (const std::string& name : option->get_lnames()) {
                    EXPECT_THAT(offers, Contains("--" + name)) << testing::PrintToString(words);
                    ++tried;
                }
        }
    }
    EXPECT_GT(tried, 60u);
    EXPECT_THAT(offered({"fsck.daxfs", "--"}), Contains("--json"));
}

TEST_F(Completions, OfferVerbsAndNothingForANumber) {
    EXPECT_THAT(offered({"daxbench", "re"}), testing::ElementsAre("report"));
    EXPECT_THAT(offered({"daxbench", "report", "re"}), IsEmpty());
    EXPECT_THAT(offered({"fsck.daxfs", "-b", "-"}), IsEmpty());
    EXPECT_THAT(offered({"fsck.daxfs", "-n", "--j"}), testing::ElementsAre("--json"));
}

// No zsh here to ask: each option is there, and what both shells read alike is sound.
TEST(ZshCompletions, NameEveryOption) {
    for (const auto& tool : all_tools()) {
        const std::string text = zsh_completion(*tool);
        EXPECT_THAT(text, testing::StartsWith("#compdef " + tool->get_name() + "\n"));
        EXPECT_EQ(run_shell("bash -n <<'END' 2>&1\n" + text + "END\n").status, 0) << text;
        for (const CLI::Option* option : tool->get_options())
            for (const std::string& name : option->get_lnames())
                EXPECT_THAT(text, HasSubstr("--" + name));
    }
}

}  // namespace
}  // namespace daxfs::completions
