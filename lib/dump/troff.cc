// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/dump/troff.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "lib/dump/lines.h"
#include "lib/format/trace_names.h"

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
    std::string name = "extent_tree";
    for (const NamedValue& value : table.values)
        name = std::max(name, std::string(value.name), shorter);
    std::string text = fmt::format(".Bl -column \"0x40\" \"{}\" \"meaning\" -compact\n", name);
    text += ".It Sy Value Ta Sy Name Ta Sy Meaning\n";
    for (const NamedValue& value : table.values)
        text += fmt::format(".It {} Ta {} Ta {}\n", value.value, escape(value.name), escape(value.description));
    return text + ".El\n";
}

std::string mdoc_table(const Tracepoint& event) {
    std::string name = "Member";
    std::string type = "Type";
    for (const TracepointMember& member : event.members) {
        name = std::max(name, std::string(member.name), shorter);
        type = std::max(type, std::string(member.type), shorter);
    }
    std::string text = fmt::format(".Bl -column \"{}\" \"{}\" \"meaning\" -compact\n", name, type);
    text += ".It Sy Member Ta Sy Type Ta Sy Meaning\n";
    for (const TracepointMember& member : event.members)
        text += fmt::format(".It {} Ta {} Ta {}\n", escape(member.name), escape(member.type),
                            member.meaning.empty() ? "\\&" : escape(member.meaning));
    return text + ".El\n";
}

Result<ManTables> man_tables(std::string_view trace_header) {
    ManTables tables;
    for (const StructSchema* schema : kAllSchemas)
        tables.emplace(schema->name, mdoc_table(*schema));
    for (const NameTable& table : kAllNameTables)
        tables.emplace(table.name, mdoc_table(table));
    for (const NameTable& table : kTraceNameTables)
        tables.emplace(table.name, mdoc_table(table));
    DAXFS_TRY_ASSIGN(const std::vector<Tracepoint> events, parse_tracepoints(trace_header));
    for (const Tracepoint& event : events)
        tables.emplace(event.name, mdoc_table(event));
    return tables;
}

Result<std::string> refresh_tables(std::string_view page, const ManTables& tables) {
    std::string fresh;
    std::set<std::string, std::less<>> seen;
    while (!page.empty()) {
        const std::string_view line = take_line(page);
        fresh += fmt::format("{}\n", line);
        if (!line.starts_with(kBegin))
            continue;
        const std::string_view name = line.substr(kBegin.size());
        const auto table = tables.find(name);
        if (table == tables.end())
            return fail("table {}: no struct, table of names or tracepoint is called so", name);
        if (!seen.emplace(name).second)
            return fail("table {} occurs twice", name);
        fresh += table->second;
        while (!page.empty() && !page.starts_with(kEnd))
            take_line(page);
        if (page.empty())
            return fail("table {} has no end", name);
    }
    for (const auto& [name, table] : tables)
        if (!seen.contains(name))
            return fail("no table for {}", name);
    return fresh;
}

}  // namespace daxfs
