// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/daxtrace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cmd/daxtrace/command.h"
#include "cmd/daxtrace/options.h"
#include "cmd/daxtrace/probes.h"
#include "cmd/daxtrace/reasons.h"
#include "cmd/daxtrace/tracer.h"
#include "tests/support/man_page.h"
#include "tests/support/manners.h"
#include "tests/support/tool.h"

namespace daxfs::trace {
namespace {

using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;

Outcome run_tool(const std::vector<std::string>& args) {
    return test::run_tool(run, args);
}

TEST(Tool, PrintsHelpThatFitsAScreen) {
    for (const std::vector<std::string>& args :
         {std::vector<std::string>{"--help"}, {"summary", "--help"}, {"doctor", "--help"}}) {
        const Outcome outcome = run_tool(args);
        EXPECT_EQ(outcome.code, 0);
        EXPECT_LE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 24);
    }
    EXPECT_THAT(run_tool({"--version"}).out, HasSubstr("daxtrace " DAXFS_VERSION));
}

TEST(Tool, RefusesWhatCannotGoTogetherWithOneLine) {
    const std::vector<std::vector<std::string>> cases{
        {"summary"},
        {"summary", "-d", "1", "--", "true"},
        {"summary", "-d", "0"},
        {"summary", "-d", "nan"},
        {"summary", "-d", "1e300"},
        {"summary", "-d", "-1"},
        {"summary", "-p", "1", "--", "true"},
        {"summary", "-d", "1", "-p", "0"},
        {"summary", "-d", "1", "-p", "-5"},
        {"summary", "-d", "1", "--all"},
        {"summary", "--", ""},
        {"summary", "--dev", "/no/such/path", "-d", "1"},
        {"doctor", "--", "true"},
    };
    for (const std::vector<std::string>& args : cases) {
        const Outcome outcome = run_tool(args);
        EXPECT_EQ(outcome.code, kExitUsage) << testing::PrintToString(args);
        EXPECT_THAT(outcome.err, testing::StartsWith("daxtrace: ")) << testing::PrintToString(args);
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        EXPECT_THAT(outcome.out, IsEmpty());
    }
}

TEST(Tool, MakesOneDocumentOfEveryEnd) {
    for (const std::vector<std::string>& args : {std::vector<std::string>{"summary", "--json"},
                                                 {"summary", "--json", "-d", "0"},
                                                 {"summary", "--json", "--dev", "/no/such/path", "-d", "1"},
                                                 {"summary", "--json", "--nonsense"},
                                                 {"doctor", "--json", "--nonsense"},
                                                 {"doctor", "--json", "--", "true"}}) {
        SCOPED_TRACE(testing::PrintToString(args));
        test::expect_error_document(run_tool(args), "daxtrace");
    }
    test::expect_envelope(run_tool({"doctor", "--json"}), "daxtrace");
}

TEST(Tool, HasTheMannersOfAllTools) {
    test::expect_manners(run, "daxtrace", kExitUsage);
    CLI::App app("", "daxtrace");
    Options options;
    RawOptions raw;
    declare_options(app, options, raw);
    test::expect_empty_values_refused(app, run, kExitUsage);
}

TEST(Tool, RefusesUnknownVerbsAndOptions) {
    for (const std::vector<std::string>& args :
         {std::vector<std::string>{}, {"top"}, {"summary", "--frobnicate", "--", "true"}, {"summary", "-d", "soon"}})
        EXPECT_EQ(run_tool(args).code, kExitUsage) << testing::PrintToString(args);
}

TEST(Options, LeaveTheCommandsOwnDashesAlone) {
    const std::vector<std::string> args{"summary", "--json", "--", "sh", "--", "-d"};
    const SplitArgs split = split_args(args);
    EXPECT_EQ(split.own, (std::vector<std::string>{"summary", "--json"}));
    EXPECT_EQ(split.command, (std::vector<std::string>{"sh", "--", "-d"}));
}

TEST(Options, NameTheDeviceThatHoldsAPath) {
    struct stat status {};
    ASSERT_EQ(stat("/tmp", &status), 0);
    const auto device = resolve_device("/tmp");
    ASSERT_TRUE(device);
    EXPECT_EQ(device->kernel_dev, major(status.st_dev) << 20 | minor(status.st_dev));
    EXPECT_THAT(device->text, testing::StartsWith("/tmp ("));
    EXPECT_FALSE(resolve_device("/no/such/path"));
}

TEST(Permission, NeedsTheRightCapabilities) {
    EXPECT_THAT(missing_capabilities("CapEff:\t0000000000000000\n"), HasSubstr("needs root"));
    EXPECT_THAT(missing_capabilities("CapEff:\t0000008000000000\n"), HasSubstr("CAP_PERFMON"));
    EXPECT_THAT(missing_capabilities("CapEff:\t000000c000000000\n"), IsEmpty());
    EXPECT_THAT(missing_capabilities("CapEff:\t0000000000200000\n"), IsEmpty());
}

int status_of(const std::vector<std::string>& words) {
    auto command = Command::fork_waiting(words);
    if (!command || command->run() != 0)
        return -1;
    return command->wait();
}

TEST(Command, PassesItsStatusThrough) {
    EXPECT_EQ(status_of({"true"}), 0);
    EXPECT_EQ(status_of({"sh", "-c", "exit 7"}), 7);
    EXPECT_EQ(status_of({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
}

TEST(Command, TellsThatThereIsNoSuchProgram) {
    auto missing = Command::fork_waiting({"/no/such/program"});
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->run(), ENOENT);
    auto directory = Command::fork_waiting({"/tmp"});
    ASSERT_TRUE(directory);
    EXPECT_EQ(directory->run(), EACCES);
}

TEST(Command, DoesNothingBeforeItIsLetGo) {
    const std::string path = testing::TempDir() + "/daxtrace_command_test";
    unlink(path.c_str());
    {
        const auto command = Command::fork_waiting({"touch", path});
        ASSERT_TRUE(command);
        EXPECT_EQ(kill(command->pid(), 0), 0);
    }
    EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(Verdict, IsTheVerifiersLastWord) {
    EXPECT_EQ(verifier_verdict("libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: r1 = 0\nR1 invalid mem access\n"
                               "processed 3 insns (limit 1000000)\n-- END --\n"),
              "R1 invalid mem access");
    EXPECT_EQ(verifier_verdict("libbpf: something else\n"), "");
    EXPECT_EQ(verifier_verdict("\nprocessed 3"), "");
    EXPECT_EQ(verifier_verdict(""), "");
}

TEST(Notes, SayOnceWhatIsMissingAndWhy) {
    std::vector<ProbeState> states;
    for (const Probe& probe : probes())
        states.push_back({probe.tracepoint, true, ""});
    EXPECT_THAT(missing_notes(states), IsEmpty());
    for (std::size_t i = 0; i < states.size(); ++i)
        if (probes()[i].group == ProbeGroup::kDaxfs)
            states[i] = {states[i].name, false, "the daxfs module is not loaded"};
    EXPECT_THAT(missing_notes(states), testing::ElementsAre(HasSubstr("the daxfs module is not loaded")));
    states.front().attached = false;
    states.front().why = "gone";
    EXPECT_THAT(missing_notes(states), testing::ElementsAre(HasSubstr("iomap_iter): gone"), testing::_));
}

TEST(ManPage, NamesEveryReasonAndRow) {
    const std::string page = test::read_text_file(DAXFS_SOURCE_DIR "/man/daxtrace.8");
    for (const Reason& reason : reasons())
        EXPECT_THAT(page, HasSubstr(std::string(".It Li ") + reason.key + "\n"));
    for (unsigned id = 0; id < DAXTRACE_OP_COUNT; ++id)
        EXPECT_THAT(page, HasSubstr(std::string(".It Li ") + op_name(static_cast<daxtrace_op_id>(id)).key + "\n"));
}

TEST(ManPage, DescribesEveryOptionAndVerb) {
    CLI::App app("", "daxtrace");
    Options options;
    RawOptions raw;
    declare_options(app, options, raw);
    EXPECT_THAT(test::undocumented(app, "daxtrace.8"), IsEmpty());
}

}  // namespace
}  // namespace daxfs::trace
