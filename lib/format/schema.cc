// SPDX-License-Identifier: GPL-2.0-or-later
// Reading, printing, judging and writing one field. Nothing here looks at more than the bytes of that field.
#include "lib/format/schema.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

#include "lib/base/utf8.h"

namespace daxfs {
namespace {

constexpr std::size_t kShownBytes = 32;  // of a field printed in hexadecimal

StructBytes element_bytes(FieldPlace place, StructBytes bytes) {
    assert(place.offset + place.field->element_size <= bytes.size());
    return bytes.subspan(place.offset, place.field->element_size);
}

bool all_zero(StructBytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::string_view chars(StructBytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const NamedValue* find_name(std::span<const NamedValue> names, std::uint64_t value) {
    const auto found = std::ranges::find(names, value, &NamedValue::value);
    return found == names.end() ? nullptr : &*found;
}

std::string hex_bytes(StructBytes bytes) {
    if (all_zero(bytes))
        return "0";
    std::string text;
    for (std::byte b : bytes.first(std::min(bytes.size(), kShownBytes)))
        text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return bytes.size() > kShownBytes ? text + "..." : text;
}

std::string format_mode(std::uint64_t mode) {
    static constexpr std::array kTypes{
        NamedValue{0010000, "FIFO", ""},         NamedValue{0020000, "character device", ""},
        NamedValue{0040000, "directory", ""},    NamedValue{0060000, "block device", ""},
        NamedValue{0100000, "regular file", ""}, NamedValue{0120000, "symbolic link", ""},
        NamedValue{0140000, "socket", ""},
    };
    if (mode == 0)
        return "0 (free)";
    const NamedValue* type = find_name(kTypes, mode & 0170000);
    return fmt::format("{:07o} ({})", mode, type != nullptr ? type->name : "unknown type");
}

std::string format_string(StructBytes bytes) {
    const std::string_view text = chars(bytes);
    const std::size_t end = text.find('\0');
    return quote(text.substr(0, end));
}

std::string format_number(const Field& field, std::uint64_t value) {
    switch (field.kind) {
        case Kind::kHex:
            return fmt::format("0x{:x}", value);
        case Kind::kKey:
            return value >> 32 == 0 ? fmt::format("{}", value) : fmt::format("0x{:x}", value);
        case Kind::kCrc:
            return fmt::format("0x{:08x}", value);
        case Kind::kMagic:
            return fmt::format("0x{:0{}x}{}", value, 2 * field.element_size,
                               find_name(field.names, value) != nullptr ? "" : " (unknown)");
        case Kind::kEnum: {
            const NamedValue* name = find_name(field.names, value);
            return fmt::format("{} ({})", name != nullptr ? name->name : "unknown", value);
        }
        case Kind::kFlags:
            return format_flags(value, field.names);
        case Kind::kMode:
            return format_mode(value);
        case Kind::kTime: {
            const auto seconds = static_cast<std::int64_t>(value);
            const std::string date = format_time(seconds);
            return date.empty() ? fmt::format("{}", seconds) : fmt::format("{} ({})", seconds, date);
        }
        default:
            return fmt::format("{}", value);
    }
}

std::optional<std::string> check_string(StructBytes bytes) {
    const std::string_view text = chars(bytes);
    const std::size_t end = text.find('\0');
    if (end == std::string_view::npos)
        return "not NUL-terminated";
    if (!all_zero(bytes.subspan(end)))
        return "not zero behind its end";
    if (!is_utf8(text.substr(0, end)))
        return "not UTF-8";
    return std::nullopt;
}

std::optional<std::string> check_number(const Field& field, std::uint64_t value) {
    switch (field.kind) {
        case Kind::kCrc:
        case Kind::kTime:
            return std::nullopt;
        case Kind::kMagic:
            if (find_name(field.names, value) == nullptr)
                return "wrong magic";
            return std::nullopt;
        case Kind::kEnum:
            if (find_name(field.names, value) == nullptr)
                return "unknown value";
            return std::nullopt;
        case Kind::kFlags:
            if ((value & ~field.max) != 0)
                return fmt::format("unknown bits 0x{:x}", value & ~field.max);
            return std::nullopt;
        default:
            if (value < field.min || value > field.limit() || value % field.multiple != 0)
                return fmt::format("out of range ({})", range_text(field));
            return std::nullopt;
    }
}

// "name[3].rest" -> "name", 3, "rest".
struct PathStep {
    std::string_view name;
    std::optional<std::uint32_t> index;
    std::string_view rest;
    bool bad = false;
};

PathStep split_step(std::string_view path) {
    PathStep step;
    const std::size_t dot = path.find('.');
    std::string_view head = path.substr(0, dot);
    if (dot != std::string_view::npos) {
        step.rest = path.substr(dot + 1);
        step.bad = step.rest.empty();
    }
    const std::size_t bracket = head.find('[');
    step.name = head.substr(0, bracket);
    if (bracket == std::string_view::npos)
        return step;
    std::uint32_t index = 0;
    const char* end = head.data() + head.size();
    const auto [stop, error] = std::from_chars(head.data() + bracket + 1, end, index);
    step.bad = step.bad || error != std::errc{} || stop + 1 != end || *stop != ']';
    step.index = index;
    return step;
}

Result<std::uint64_t> parse_number(std::string_view text, int base = 0) {
    const std::string_view original = text;
    const bool negative = text.starts_with('-');
    if (negative)
        text.remove_prefix(1);
    if (base == 0) {
        base = 10;
        if (text.starts_with("0x") || text.starts_with("0X")) {
            base = 16;
            text.remove_prefix(2);
        }
    }
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || stop != text.data() + text.size())
        return fail("'{}' is not a number", original);
    return negative ? 0 - value : value;
}

Result<std::uint64_t> parse_named(const Field& field, std::string_view text) {
    for (const NamedValue& name : field.names)
        if (name.name == text)
            return name.value;
    if (auto number = parse_number(text))
        return number;
    return fail("{}: '{}' is neither a number nor one of its names", field.name, text);
}

Result<std::uint64_t> parse_flags(const Field& field, std::string_view text) {
    std::uint64_t value = 0;
    while (!text.empty()) {
        const std::size_t bar = text.find('|');
        DAXFS_TRY_ASSIGN(const std::uint64_t bits, parse_named(field, text.substr(0, bar)));
        value |= bits;
        text = bar == std::string_view::npos ? std::string_view{} : text.substr(bar + 1);
    }
    return value;
}

Result<std::uint64_t> parse_integer(const Field& field, std::string_view text) {
    switch (field.kind) {
        case Kind::kEnum:
        case Kind::kMagic:
            return parse_named(field, text);
        case Kind::kFlags:
            return parse_flags(field, text);
        case Kind::kMode:
            return parse_number(text, text.starts_with("0x") ? 0 : 8);
        default:
            return parse_number(text);
    }
}

Result<std::string> parse_hex_bytes(std::string_view text, std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        if (text[i] == '-' && i + 1 < text.size()) {
            --i;
            continue;
        }
        unsigned value = 0;
        const char* end = text.data() + std::min(text.size(), i + 2);
        const auto [stop, error] = std::from_chars(text.data() + i, end, value, 16);
        if (error != std::errc{} || stop != text.data() + i + 2)
            return fail("'{}' is not a row of hexadecimal bytes", text);
        bytes.push_back(static_cast<char>(value));
    }
    if (bytes.size() > size)
        return fail("'{}' is longer than the field's {} bytes", text, size);
    bytes.resize(size);
    return bytes;
}

Result<std::string> parse_bytes(const Field& field, std::string_view text) {
    if (field.kind != Kind::kString)
        return parse_hex_bytes(text, field.element_size);
    if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
        text = text.substr(1, text.size() - 2);
    if (text.size() >= field.element_size)
        return fail("{}: longer than {} bytes", field.name, field.element_size - 1);
    std::string bytes(text);
    bytes.resize(field.element_size);
    return bytes;
}

}  // namespace

const Field* StructSchema::find(std::string_view field_name) const {
    const auto found = std::ranges::find(fields, field_name, &Field::name);
    return found == fields.end() ? nullptr : &*found;
}

Result<FieldPlace> find_place(const StructSchema& schema, std::string_view path) {
    const StructSchema* inside = &schema;
    FieldPlace place;
    std::string_view rest = path;
    while (true) {
        const PathStep step = split_step(rest);
        const Field* field = inside->find(step.name);
        if (step.bad || field == nullptr)
            return fail("{} has no field '{}'", inside->name, rest);
        if (field->is_array() != step.index.has_value() || step.index.value_or(0) >= field->count())
            return field->is_array()
                       ? fail("{}.{} takes an index from 0 to {}", inside->name, field->name, field->count() - 1)
                       : fail("{}.{} is no array", inside->name, field->name);
        place = {field, place.offset + place_of(*field, step.index.value_or(0)).offset};
        if (field->kind != Kind::kStruct)
            return step.rest.empty() ? Result<FieldPlace>(place)
                                     : fail("{}.{} has no members", inside->name, field->name);
        if (step.rest.empty())
            return fail("{}.{} is a {}: name one of its members", inside->name, field->name, field->nested->name);
        inside = field->nested;
        rest = step.rest;
    }
}

std::uint64_t read_integer(FieldPlace place, StructBytes bytes) {
    assert(place.field->is_integer());
    std::uint64_t value = 0;
    const StructBytes element = element_bytes(place, bytes);
    for (std::size_t i = element.size(); i-- > 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(element[i]);
    return value;
}

std::uint64_t read_integer(const StructSchema& schema, std::string_view name, StructBytes bytes) {
    const Field* field = schema.find(name);
    assert(field != nullptr && !field->is_array());
    return read_integer(place_of(*field), bytes);
}

std::string format_value(FieldPlace place, StructBytes bytes) {
    const StructBytes element = element_bytes(place, bytes);
    switch (place.field->kind) {
        case Kind::kUuid:
            return format_uuid(element.first<16>());
        case Kind::kString:
            return format_string(element);
        case Kind::kBytes:
        case Kind::kHidden:
        case Kind::kStruct:
            return hex_bytes(element);
        default:
            return format_number(*place.field, read_integer(place, bytes));
    }
}

std::string format_flags(std::uint64_t value, std::span<const NamedValue> names) {
    if (value == 0)
        return "0";
    std::string set;
    std::uint64_t unnamed = value;
    for (const NamedValue& name : names)
        if ((value & name.value) != 0) {
            set += fmt::format("{}{}", set.empty() ? "" : "|", name.name);
            unnamed &= ~name.value;
        }
    if (unnamed != 0)
        set += fmt::format("{}0x{:x}", set.empty() ? "" : "|", unnamed);
    return fmt::format("0x{:x} ({})", value, set);
}

std::string quote(std::string_view bytes) {
    std::string text = "\"";
    while (!bytes.empty()) {
        const std::size_t length = utf8_length(bytes);
        const auto first = static_cast<unsigned char>(bytes[0]);
        if (first == '"' || first == '\\')
            text += {'\\', bytes[0]};
        else if (length == 0 || first < 0x20 || first == 0x7f || (first == 0xc2 && bytes[1] < '\xa0'))
            text += fmt::format("\\x{:02x}", first);
        else
            text += bytes.substr(0, length);
        // The second byte of a C1 control is escaped in the next round: alone it is not UTF-8.
        bytes.remove_prefix(length == 0 || (first == 0xc2 && bytes[1] < '\xa0') ? 1 : length);
    }
    return text + '"';
}

std::string format_uuid(std::span<const std::byte, 16> uuid) {
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i)
        text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                            std::to_integer<unsigned>(uuid[i]));
    return text;
}

std::string format_time(std::int64_t seconds) {
    std::tm parts{};
    const std::time_t time = seconds;
    if (gmtime_r(&time, &parts) == nullptr || parts.tm_year < -1900 || parts.tm_year > 9999 - 1900)
        return "";
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string range_text(const Field& field) {
    if (field.kind == Kind::kHidden)
        return "0";
    if (!field.is_integer() || field.kind == Kind::kEnum || field.kind == Kind::kMagic || field.kind == Kind::kFlags ||
        field.kind == Kind::kTime || field.kind == Kind::kCrc)
        return "";
    const bool whole = field.min == 0 && field.limit() == (FieldRules{}.max >> (64 - 8 * field.element_size));
    if (whole && field.multiple == 1)
        return "";
    if (field.min == field.limit())
        return fmt::format("{}", field.min);
    const std::string range = field.limit() == FieldRules{}.max ? fmt::format("at least {}", field.min)
                                                                : fmt::format("{} to {}", field.min, field.limit());
    return field.multiple == 1 ? range : fmt::format("a multiple of {}, {}", field.multiple, range);
}

std::optional<std::string> check_value(FieldPlace place, StructBytes bytes) {
    const StructBytes element = element_bytes(place, bytes);
    switch (place.field->kind) {
        case Kind::kUuid:
        case Kind::kBytes:
        case Kind::kStruct:
            return std::nullopt;
        case Kind::kString:
            return check_string(element);
        case Kind::kHidden:
            if (!all_zero(element))
                return "not zero";
            return std::nullopt;
        default:
            return check_number(*place.field, read_integer(place, bytes));
    }
}

const Field* live_member(const StructSchema& union_schema, std::uint64_t selector) {
    if (selector >= 32)
        return nullptr;
    for (const Field& member : union_schema.fields)
        if ((member.cases >> selector & 1) != 0)
            return &member;
    return nullptr;
}

Result<void> write_integer(FieldPlace place, std::uint64_t value, std::span<std::byte> bytes) {
    const Field& field = *place.field;
    assert(field.is_integer());
    const std::span<std::byte> element = bytes.subspan(place.offset, field.element_size);
    if (field.element_size < 8 && value >> (8 * field.element_size) != 0)
        return fail("{}: {} does not fit into {} bytes", field.name, value, field.element_size);
    for (std::byte& b : element) {
        b = static_cast<std::byte>(value & 0xff);
        value >>= 8;
    }
    return {};
}

Result<void> write_value(FieldPlace place, std::string_view text, std::span<std::byte> bytes) {
    const Field& field = *place.field;
    if (field.kind == Kind::kStruct)
        return fail("{} is a {}: name one of its members", field.name, field.nested->name);
    if (field.is_integer()) {
        DAXFS_TRY_ASSIGN(const std::uint64_t value, parse_integer(field, text));
        return write_integer(place, value, bytes);
    }
    DAXFS_TRY_ASSIGN(const std::string content, parse_bytes(field, text));
    std::ranges::transform(content, bytes.begin() + place.offset, [](char c) { return static_cast<std::byte>(c); });
    return {};
}

std::string_view kind_name(Kind kind) {
    switch (kind) {
        case Kind::kDec:
            return "number";
        case Kind::kHex:
            return "hex";
        case Kind::kKey:
            return "key";
        case Kind::kCrc:
            return "checksum";
        case Kind::kMagic:
            return "magic";
        case Kind::kEnum:
            return "enum";
        case Kind::kFlags:
            return "flags";
        case Kind::kMode:
            return "mode";
        case Kind::kTime:
            return "time";
        case Kind::kBlock:
            return "block";
        case Kind::kInode:
            return "inode";
        case Kind::kByte:
            return "byte offset";
        case Kind::kUuid:
            return "UUID";
        case Kind::kString:
            return "string";
        case Kind::kBytes:
            return "bytes";
        case Kind::kHidden:
            return "reserved";
        case Kind::kStruct:
            return "struct";
    }
    return "";
}

}  // namespace daxfs
