// SPDX-License-Identifier: GPL-2.0-or-later
// The one table of commands, used by -c, scripts, standard input and help.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/daxdb/report.h"
#include "cmd/daxdb/session.h"
#include "lib/base/result.h"

namespace daxfs::daxdb {

enum class ArgType : std::uint8_t {
    kAg,       // an initialised allocation group
    kJournal,  // a journal of the superblock's count
    kBlock,    // a block of the device
    kInode,    // a number, or an absolute path
    kNumber,
    kWord,
};

struct Arg {
    std::string_view name;
    ArgType type;
    bool optional = false;
};

// Arguments in the order of the command's table; optional ones at the end may be missing. A word is in `words`.
struct Values {
    std::vector<std::uint64_t> numbers;
    std::vector<std::string> words;
};

// A failure is what the command could not do. That the structure it shows is damaged is no failure.
using Run = Result<void> (*)(const Session& session, const Values& values, Report& report);

struct Command {
    std::string_view name;
    std::string_view alias;
    std::vector<Arg> args;
    std::string_view help;
    Run run;

    std::string usage() const;
};

const std::vector<Command>& commands();
const Command* find_command(std::string_view name);

// Words, with '...', "..." and backslash as in a shell.
Result<std::vector<std::string>> split_words(std::string_view line);
// 123, 0x7b.
Result<std::uint64_t> parse_number(std::string_view text);
// A number or an absolute path.
Result<std::uint64_t> parse_inode(const Session& session, std::string_view text);
// Runs one line; an empty one and a comment do nothing.
Result<void> run_line(const Session& session, std::string_view line, Report& report);

// The commands themselves (show.cc, files.cc, space.cc).
Result<void> show_superblock(const Session& session, const Values& values, Report& report);
Result<void> show_ag(const Session& session, const Values& values, Report& report);
Result<void> show_inode(const Session& session, const Values& values, Report& report);
Result<void> show_block(const Session& session, const Values& values, Report& report);
Result<void> show_journal(const Session& session, const Values& values, Report& report);
Result<void> list_extents(const Session& session, const Values& values, Report& report);
Result<void> list_directory(const Session& session, const Values& values, Report& report);
Result<void> show_space(const Session& session, const Values& values, Report& report);
Result<void> copy_content(const Session& session, const Values& values, Report& report);

}  // namespace daxfs::daxdb
