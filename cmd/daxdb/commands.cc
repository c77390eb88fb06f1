// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/commands.h"

#include <charconv>

#include <fmt/format.h>

#include "lib/tree/directory.h"

namespace daxfs::daxdb {
namespace {

Result<void> show_help(const Session&, const Values& values, Report& report) {
    if (!values.words.empty()) {
        const Command* command = find_command(values.words[0]);
        if (command == nullptr)
            return fail("no command '{}'", values.words[0]);
        if (!report.json())
            report.out() << command->usage() << "\n  " << command->help << '\n';
        report.member("usage", command->usage());
        report.member("help", command->help);
        return {};
    }
    report.begin_list("commands");
    for (const Command& command : commands()) {
        if (!report.json())
            report.out() << fmt::format("{:<32} {}\n", command.usage(), command.help);
        report.element({{"usage", command.usage()}, {"help", command.help}});
    }
    report.end_list();
    return {};
}

Result<std::uint64_t> parse_below(std::string_view text, const char* what, std::uint64_t limit) {
    DAXFS_TRY_ASSIGN(const std::uint64_t number, parse_number(text));
    if (number < limit)
        return number;
    if (limit == 0)
        return fail("there is no {}", what);
    return fail("{} {} is not there: the last is {}", what, number, limit - 1);
}

Result<void> parse_arg(const Session& session, const Arg& arg, const std::string& text, Values& values) {
    const auto number = [&]() -> Result<std::uint64_t> {
        switch (arg.type) {
            case ArgType::kAg:
                return parse_below(text, "initialised allocation group", session.volume.initialised_ags());
            case ArgType::kJournal:
                return parse_below(text, "journal", session.volume.geometry.journal_count);
            case ArgType::kBlock:
                return parse_below(text, "block", session.image->block_count());
            case ArgType::kInode:
                return parse_inode(session, text);
            default:
                return parse_number(text);
        }
    };
    if (arg.type == ArgType::kWord) {
        values.words.push_back(text);
        return {};
    }
    DAXFS_TRY_ASSIGN(const std::uint64_t value, number());
    values.numbers.push_back(value);
    return {};
}

Result<Values> parse_args(const Session& session, const Command& command, std::span<const std::string> words) {
    Values values;
    for (std::size_t i = 0; i < command.args.size(); ++i) {
        const Arg& arg = command.args[i];
        if (i >= words.size()) {
            if (arg.optional)
                break;
            return fail("{} is missing; usage: {}", arg.name, command.usage());
        }
        DAXFS_TRY(parse_arg(session, arg, words[i], values));
    }
    if (words.size() > command.args.size())
        return fail("'{}' is too much; usage: {}", words[command.args.size()], command.usage());
    return values;
}

}  // namespace

const std::vector<Command>& commands() {
    static const std::vector<Command> table{
        {"superblock",
         "sb",
         {{"BLOCK", ArgType::kBlock, true}},
         "the superblock in use, or the one or copy at BLOCK",
         show_superblock},
        {"ag", "", {{"N", ArgType::kAg}}, "header of allocation group N and the checksums of its maps", show_ag},
        {"inode", "i", {{"N|PATH", ArgType::kInode}}, "an inode", show_inode},
        {"extents", "ex", {{"N|PATH", ArgType::kInode}}, "the extents of a file", list_extents},
        {"ls", "", {{"N|PATH", ArgType::kInode}}, "the entries of a directory", list_directory},
        {"cat",
         "",
         {{"N|PATH", ArgType::kInode}, {"OFFSET", ArgType::kNumber, true}, {"LENGTH", ArgType::kNumber, true}},
         "the content of a file, or the target of a symlink",
         copy_content},
        {"block", "b", {{"N", ArgType::kBlock}}, "a block, decoded and as hex", show_block},
        {"journal", "j", {{"N", ArgType::kJournal}}, "journal N and what it would undo", show_journal},
        {"space", "", {}, "free space in huge pages, and what is in those that are broken", show_space},
        {"help", "?", {{"COMMAND", ArgType::kWord, true}}, "this list, or one command", show_help},
    };
    return table;
}

std::string Command::usage() const {
    std::string text(name);
    for (const Arg& arg : args)
        text += fmt::format(" {}{}{}", arg.optional ? "[" : "", arg.name, arg.optional ? "]" : "");
    return text;
}

const Command* find_command(std::string_view name) {
    for (const Command& command : commands())
        if (!name.empty() && (command.name == name || command.alias == name))
            return &command;
    return nullptr;
}

Result<std::vector<std::string>> split_words(std::string_view line) {
    std::vector<std::string> words;
    bool in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quote == '\0' && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
            in_word = false;
            continue;
        }
        if (quote == '\0' && c == '#' && !in_word)
            break;
        if (!in_word)
            words.emplace_back();
        in_word = true;
        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (c == '\\' && quote != '\'') {
            if (++i == line.size())
                return fail("nothing behind the backslash");
            words.back() += line[i];
        } else {
            words.back() += c;
        }
    }
    if (quote != '\0')
        return fail("unmatched {}", quote);
    return words;
}

Result<std::uint64_t> parse_number(std::string_view text) {
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = hex ? text.substr(2) : text;
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
    if (error == std::errc::result_out_of_range)
        return fail("'{}' is too large", text);
    if (error != std::errc{} || stop != digits.data() + digits.size())
        return fail("'{}' is not a number", text);
    return value;
}

Result<std::uint64_t> parse_inode(const Session& session, std::string_view text) {
    if (!text.starts_with('/')) {
        if (const auto number = parse_number(text))
            return *number;
        return fail("'{}' is neither an inode number nor an absolute path", text);
    }
    DAXFS_TRY_ASSIGN(const InodeNo ino, resolve_path(session.volume, text));
    return ino.value;
}

Result<void> run_line(const Session& session, std::string_view line, Report& report) {
    DAXFS_TRY_ASSIGN(const std::vector<std::string> words, split_words(line));
    if (words.empty())
        return {};
    const Command* command = find_command(words[0]);
    if (command == nullptr)
        return fail("no command '{}'; try help", words[0]);
    DAXFS_TRY_ASSIGN(const Values values, parse_args(session, *command, std::span(words).subspan(1)));
    return command->run(session, values, report);
}

}  // namespace daxfs::daxdb
