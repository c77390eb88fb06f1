// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/troff.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

namespace daxfs {
namespace {

constexpr std::string_view kBegin = ".\\\" table ";
constexpr std::string_view kEnd = ".\\\" end table";

// Words like "In" are macros on a macro line.
bool may_be_macro(std::string_view word) {
    return word.size() >= 2 && word.size() <= 3 && std::isupper(static_cast<unsigned char>(word[0])) != 0 &&
           std::islower(static_cast<unsigned char>(word[1])) != 0;
}

// Text for a macro line's argument.
std::string escape(std::string_view text) {
    std::string escaped;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((i == 0 || text[i - 1] == ' ') && may_be_macro(text.substr(i, text.find(' ', i) - i)))
            escaped += "\\&";
        if (c == '\\')
            escaped += "\\e";
        else if (c == '"')
            escaped += "\\(dq";
        else if (c == '-')
            escaped += "\\-";
        else
            escaped += c;
    }
    return escaped;
}

std::string member_text(const Field& field) {
    return field.is_array() ? fmt::format("{}[{}]", field.name, field.count()) : std::string(field.name);
}

std::string description_text(const Field& field) {
    std::string text(field.description);
    const std::string range = field.kind == Kind::kHidden ? "" : range_text(field);
    if (!range.empty())
        text += fmt::format(" ({})", range);
    return escape(text);
}

std::string kind_text(const Field& field) {
    return std::string(field.nested != nullptr ? field.nested->name : kind_name(field.kind));
}

bool shorter(const std::string& a, const std::string& b) {
    return a.size() < b.size();
}

std::optional<std::string> table_named(std::string_view name) {
    for (const StructSchema* schema : kAllSchemas)
        if (schema->name == name)
            return mdoc_table(*schema);
    for (const NameTable& table : kAllNameTables)
        if (table.name == name)
            return mdoc_table(table);
    return std::nullopt;
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

Result<void> all_present(const std::set<std::string, std::less<>>& seen) {
    for (const StructSchema* schema : kAllSchemas)
        if (!seen.contains(schema->name))
            return fail("no table for {}", schema->name);
    for (const NameTable& table : kAllNameTables)
        if (!seen.contains(table.name))
            return fail("no table for {}", table.name);
    return {};
}

}  // namespace

std::string mdoc_table(const StructSchema& schema) {
    // As narrow as the longest entries allow: the meaning needs the room.
    std::string member = "Member";
    std::string kind = "Kind";
    for (const Field& field : schema.fields) {
        member = std::max(member, member_text(field), shorter);
        kind = std::max(kind, kind_text(field), shorter);
    }
    std::string text = fmt::format(".Bl -column \"999\" \"Size\" \"{}\" \"{}\" \"meaning\" -compact\n", member, kind);
    text += ".It Sy \\&At Ta Sy Size Ta Sy Member Ta Sy Kind Ta Sy Meaning\n";
    for (const Field& field : schema.fields)
        text += fmt::format(".It {} Ta {} Ta {} Ta {} Ta {}\n", field.offset, field.size, escape(member_text(field)),
                            kind_text(field), description_text(field));
    return text + ".El\n";
}

std::string mdoc_table(const NameTable& table) {
    std::string text = ".Bl -column \"0x40\" \"extent_tree\" \"meaning\" -compact\n";
    text += ".It Sy Value Ta Sy Name Ta Sy Meaning\n";
    for (const NamedValue& value : table.values)
        text += fmt::format(".It {} Ta {} Ta {}\n", value.value, escape(value.name), escape(value.description));
    return text + ".El\n";
}

Result<std::string> refresh_tables(std::string_view page) {
    std::string fresh;
    std::set<std::string, std::less<>> seen;
    while (!page.empty()) {
        const std::string_view line = take_line(page);
        fresh += fmt::format("{}\n", line);
        if (!line.starts_with(kBegin))
            continue;
        const std::string_view name = line.substr(kBegin.size());
        const auto table = table_named(name);
        if (!table)
            return fail("table {}: no struct or table of names is called so", name);
        if (!seen.emplace(name).second)
            return fail("table {} occurs twice", name);
        fresh += *table;
        while (!page.empty() && !page.starts_with(kEnd))
            take_line(page);
        if (page.empty())
            return fail("table {} has no end", name);
    }
    DAXFS_TRY(all_present(seen));
    return fresh;
}

}  // namespace daxfs
