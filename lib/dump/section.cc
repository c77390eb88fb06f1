// SPDX-License-Identifier: GPL-2.0-or-later
// From schema rows and bytes to something to show. Nothing is believed: counts are capped by the arrays they count.
#include "lib/dump/section.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "lib/base/utf8.h"
#include "lib/format/inode_schema.h"

namespace daxfs {
namespace {

constexpr std::size_t kHexWidth = 16;

std::optional<Target> target_of(const Field& field, std::uint64_t value) {
    if (value == 0)
        return std::nullopt;
    switch (field.kind) {
        case Kind::kBlock:
            return Target{Target::To::kBlock, value};
        case Kind::kInode:
            return Target{Target::To::kInode, value};
        case Kind::kByte:
            return Target{Target::To::kBlock, value / DAXFS_BLOCK_SIZE};
        default:
            return std::nullopt;
    }
}

// A nested structure leads where its block pointer leads.
std::optional<Target> target_of(const StructSchema& schema, StructBytes bytes) {
    for (const Field& field : schema.fields)
        if (field.is_pointer())
            return target_of(field, read_integer(place_of(field), bytes));
    return std::nullopt;
}

// Elements of the fork's live member that are in use.
std::uint32_t live_count(const StructSchema& schema, const Field& member, StructBytes bytes) {
    const bool bytes_of_inline = member.kind == Kind::kBytes;
    if (schema.find("fork_count") == nullptr)
        return member.count();
    const std::uint64_t wanted = read_integer(schema, bytes_of_inline ? "size" : "fork_count", bytes);
    const std::uint32_t most = bytes_of_inline ? member.size : member.count();
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, most));
}

std::string first_complaint(const StructSchema& schema, StructBytes bytes) {
    std::string text;
    check_ranges(schema, bytes, [&](FieldPlace place, const std::string& phrase) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", place.field->name, phrase);
    });
    return text;
}

class Decoder {
  public:
    Decoder(const StructSchema& schema, StructBytes bytes, std::uint32_t offset)
        : schema_(schema), bytes_(bytes), offset_(offset) {}

    Section run() {
        section_.title = schema_.title;
        section_.offset = offset_;
        for (const Field& field : schema_.fields) {
            if (field.kind == Kind::kStruct)
                add_nested(field);
            else
                for (std::uint32_t i = 0; i < field.count(); ++i)
                    add_plain(field, i);
        }
        section_.json = {{"structure", schema_.name}, {"offset", offset_}, {"fields", json_of(schema_, bytes_)}};
        return std::move(section_);
    }

  private:
    void add_plain(const Field& field, std::uint32_t index) {
        const FieldPlace place = place_of(field, index);
        const auto phrase = check_value(place, bytes_);
        if (field.kind == Kind::kHidden && !phrase)
            return;
        Row row{.name = field.is_array() ? fmt::format("{}[{}]", field.name, index) : std::string(field.name),
                .value = format_value(place, bytes_),
                .offset = offset_ + place.offset,
                .size = field.element_size,
                .target = std::nullopt,
                .remark = phrase.value_or(""),
                .wrong = phrase.has_value()};
        if (field.is_pointer())
            row.target = target_of(field, read_integer(place, bytes_));
        section_.rows.push_back(std::move(row));
    }

    void add_nested(const Field& field) {
        const Field* member = &field;
        std::string prefix(field.name);
        std::uint32_t count = field.count();
        if (!field.selector.empty()) {
            member = live_member(*field.nested, read_integer(schema_, field.selector, bytes_));
            if (member == nullptr)
                return;
            count = live_count(schema_, *member, bytes_);
            prefix += '.';
            prefix += member->name;
        }
        if (member->kind == Kind::kBytes)
            return add_bytes(prefix, field.offset, count);
        for (std::uint32_t i = 0; i < count; ++i)
            add_element(fmt::format("{}[{}]", prefix, i), *member->nested, field.offset + i * member->element_size);
    }

    void add_bytes(const std::string& name, std::uint32_t at, std::uint32_t size) {
        const StructBytes content = bytes_.subspan(at, size);
        section_.rows.push_back({.name = name,
                                 .value = quote({reinterpret_cast<const char*>(content.data()), content.size()}),
                                 .offset = offset_ + at,
                                 .size = size,
                                 .target = std::nullopt,
                                 .remark = ""});
    }

    void add_element(const std::string& name, const StructSchema& schema, std::uint32_t at) {
        const StructBytes element = bytes_.subspan(at, schema.size);
        const std::string complaint = first_complaint(schema, element);
        section_.rows.push_back({.name = name,
                                 .value = one_line(schema, element),
                                 .offset = offset_ + at,
                                 .size = schema.size,
                                 .target = target_of(schema, element),
                                 .remark = complaint,
                                 .wrong = !complaint.empty()});
    }

    const StructSchema& schema_;
    StructBytes bytes_;
    std::uint32_t offset_;
    Section section_;
};

Json json_flags(std::uint64_t value, std::span<const NamedValue> names) {
    Json set = Json::array();
    for (const NamedValue& name : names)
        if ((value & name.value) != 0) {
            set.push_back(name.name);
            value &= ~name.value;
        }
    if (value != 0)
        set.push_back(fmt::format("0x{:x}", value));
    return set;
}

Json json_integer(const Field& field, std::uint64_t value) {
    switch (field.kind) {
        case Kind::kHex:
        case Kind::kKey:
            return fmt::format("0x{:x}", value);
        case Kind::kCrc:
        case Kind::kMagic:
            return fmt::format("0x{:0{}x}", value, 2 * field.element_size);
        case Kind::kMode:
            return fmt::format("{:07o}", value);
        case Kind::kTime:
            return static_cast<std::int64_t>(value);
        case Kind::kEnum:
            for (const NamedValue& name : field.names)
                if (name.value == value)
                    return name.name;
            return value;
        case Kind::kFlags:
            return json_flags(value, field.names);
        default:
            return value;
    }
}

Json json_element(const Field& field, std::uint32_t index, StructBytes bytes) {
    const FieldPlace place = place_of(field, index);
    if (field.is_integer())
        return json_integer(field, read_integer(place, bytes));
    const StructBytes element = bytes.subspan(place.offset, field.element_size);
    if (field.kind == Kind::kString) {
        const std::string_view text(reinterpret_cast<const char*>(element.data()), element.size());
        return json_text(text.substr(0, text.find('\0')));
    }
    if (field.kind == Kind::kStruct)
        return json_of(*field.nested, element);
    return format_value(place, bytes);
}

// {"extents": [...]} with the elements in use, or null.
Json json_union(const StructSchema& schema, const Field& field, StructBytes bytes) {
    const Field* member = live_member(*field.nested, read_integer(schema, field.selector, bytes));
    if (member == nullptr)
        return nullptr;
    const std::uint32_t count = live_count(schema, *member, bytes);
    const StructBytes inside = bytes.subspan(field.offset, field.size);
    if (member->kind == Kind::kBytes)
        return {{member->name, json_text({reinterpret_cast<const char*>(inside.data()), count})}};
    Json elements = Json::array();
    for (std::uint32_t i = 0; i < count; ++i)
        elements.push_back(json_element(*member, i, inside));
    return {{member->name, std::move(elements)}};
}

}  // namespace

Row* Section::find(std::string_view name) {
    const auto found = std::ranges::find(rows, name, &Row::name);
    return found == rows.end() ? nullptr : &*found;
}

Section decode_struct(const StructSchema& schema, StructBytes bytes, std::uint32_t offset) {
    return Decoder(schema, bytes, offset).run();
}

void judge_crc(Section& section, std::uint32_t stored, std::uint32_t computed) {
    section.json["checksum"] = {{"stored", fmt::format("0x{:08x}", stored)},
                                {"computed", fmt::format("0x{:08x}", computed)},
                                {"ok", stored == computed}};
    Row* row = section.find("crc");
    if (row == nullptr)
        return;
    row->wrong = stored != computed;
    row->remark = row->wrong ? fmt::format("wrong: computed 0x{:08x}", computed) : "ok";
}

std::string one_line(const StructSchema& schema, StructBytes bytes) {
    std::string text;
    for (const Field& field : schema.fields) {
        if (field.kind == Kind::kHidden || field.is_array())
            continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", field.name, format_value(place_of(field), bytes));
    }
    return text;
}

Json json_of(const StructSchema& schema, StructBytes bytes) {
    Json object = Json::object();
    for (const Field& field : schema.fields) {
        if (field.kind == Kind::kHidden && !check_value(place_of(field), bytes))
            continue;
        if (!field.selector.empty()) {
            object[field.name] = json_union(schema, field, bytes);
        } else if (field.is_array()) {
            Json elements = Json::array();
            for (std::uint32_t i = 0; i < field.count(); ++i)
                elements.push_back(json_element(field, i, bytes));
            object[field.name] = std::move(elements);
        } else {
            object[field.name] = json_element(field, 0, bytes);
        }
    }
    return object;
}

std::string json_text(std::string_view bytes) {
    if (is_utf8(bytes))
        return std::string(bytes);
    const std::string quoted = quote(bytes);
    return quoted.substr(1, quoted.size() - 2);
}

void write_text(std::ostream& out, const Section& section, TextStyle style) {
    const char* red = style.color ? "\x1b[31m" : "";
    const char* bold = style.color ? "\x1b[1m" : "";
    const char* plain = style.color ? "\x1b[0m" : "";
    out << bold << section.title << plain << '\n';
    std::size_t width = 0;
    for (const Row& row : section.rows)
        width = std::max(width, row.name.size());
    for (const Row& row : section.rows) {
        out << fmt::format("  {:<{}}  {}", row.name, width, row.value);
        if (!row.remark.empty())
            out << fmt::format("  {}{}{}", row.wrong ? red : "", row.wrong ? "<- " + row.remark : row.remark,
                               row.wrong ? plain : "");
        out << '\n';
    }
    for (const std::string& problem : section.problems)
        out << "  " << red << "<- " << problem << plain << '\n';
}

std::string hex_line(StructBytes bytes, std::uint64_t offset) {
    std::string text = fmt::format("{:08x} ", offset);
    for (std::size_t i = 0; i < kHexWidth; ++i) {
        text += i % 8 == 0 ? " " : "";
        text += i < bytes.size() ? fmt::format("{:02x} ", std::to_integer<unsigned>(bytes[i])) : "   ";
    }
    text += " |";
    for (std::byte b : bytes.first(std::min(bytes.size(), kHexWidth))) {
        const auto c = std::to_integer<unsigned char>(b);
        text += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '.';
    }
    return text + '|';
}

void write_hex(std::ostream& out, StructBytes bytes, std::uint64_t base) {
    bool folded = false;
    for (std::size_t at = 0; at < bytes.size(); at += kHexWidth) {
        const StructBytes line = bytes.subspan(at, std::min(kHexWidth, bytes.size() - at));
        const bool last = at + kHexWidth >= bytes.size();
        if (at > 0 && !last && std::ranges::equal(line, bytes.subspan(at - kHexWidth, kHexWidth))) {
            out << (folded ? "" : "*\n");
            folded = true;
            continue;
        }
        folded = false;
        out << hex_line(line, base + at) << '\n';
    }
}

}  // namespace daxfs
