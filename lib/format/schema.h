// SPDX-License-Identifier: GPL-2.0-or-later
// One constexpr row a struct member. From the rows come the debugger's print, set and follow, JSON, fsck's range
// checks, the fuzzer's edits and the tables in daxfs(5).
//
// Two compile-time locks hold rows and struct together: the offset a row promises equals offsetof, and the rows of a
// struct tile it with no gap (of a union: all start at 0 and one fills it).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "lib/base/result.h"
#include "lib/format/daxfs_format.h"

namespace daxfs {

enum class Kind : std::uint8_t {
    kDec,     // unsigned number, printed in decimal
    kHex,     // unsigned number, printed in hexadecimal
    kKey,     // file block or directory key: decimal below 2^32, else hexadecimal
    kCrc,     // CRC32C of the structure it lies in
    kMagic,   // one of `names`
    kEnum,    // one of `names`
    kFlags,   // any of `names`; bits outside `max` are invalid
    kMode,    // S_IFMT and permissions, printed in octal
    kTime,    // signed seconds since 1970
    kBlock,   // block number on the device
    kInode,   // inode number
    kByte,    // byte offset on the device
    kUuid,    // 16 bytes
    kString,  // NUL-terminated, the rest zero
    kBytes,   // bytes whose meaning other members give
    kHidden,  // reserved: zero
    kStruct,  // other structures: `nested`
};

struct NamedValue {
    std::uint64_t value;
    std::string_view name;
    std::string_view description;
};

// The values of an enum, or of a set of flags.
struct NameTable {
    std::string_view name;
    std::string_view prefix = {};
    std::span<const NamedValue> values;
};

struct StructSchema;

// What a row says beyond name, place and kind. The range applies to integer kinds.
struct FieldRules {
    std::uint64_t min = 0;
    std::uint64_t max = ~std::uint64_t{0};
    std::uint32_t multiple = 1;  // a valid value is a multiple of it
    std::span<const NamedValue> names = {};
    const StructSchema* nested = nullptr;
    std::string_view selector = {};  // of a union: the member of the enclosing struct that says which member is live
    std::uint32_t cases = ~0u;       // of a union's member: bit n set: live where the selector is n
};

struct Field : FieldRules {
    std::string_view name;
    std::uint32_t offset = 0;        // in bytes, from the start of the struct
    std::uint32_t size = 0;          // of all elements, in bytes
    std::uint32_t element_size = 0;  // of one; `size` where it is no array
    Kind kind = Kind::kDec;
    std::string_view description;

    constexpr std::uint32_t count() const { return size / element_size; }
    constexpr bool is_array() const { return element_size != size; }
    // The value is one unsigned integer of element_size bytes.
    constexpr bool is_integer() const { return kind < Kind::kUuid; }
    constexpr bool is_pointer() const { return kind == Kind::kBlock || kind == Kind::kInode || kind == Kind::kByte; }
    // `max`, or what the field's bytes can hold.
    constexpr std::uint64_t limit() const {
        const std::uint64_t capacity =
            element_size >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * element_size)) - 1;
        return max < capacity ? max : capacity;
    }
};

struct StructSchema {
    std::string_view name;   // as in daxfs_format.h
    std::string_view title;  // in a person's words
    std::uint32_t size = 0;
    bool is_union = false;
    std::span<const Field> fields;

    const Field* find(std::string_view field_name) const;
};

// Specialised for every struct: kTitle, kFields.
template <typename S>
struct Schema;

namespace schema_detail {

// Not constexpr: naming it in a constant expression is the compile error.
inline void promised_offset_differs_from_offsetof() {}

constexpr bool is_whole(Kind kind) {
    return kind == Kind::kUuid || kind == Kind::kString || kind == Kind::kBytes || kind == Kind::kHidden;
}

template <typename Member>
consteval Field row(std::string_view name, std::size_t promised, std::size_t actual, Kind kind,
                    std::string_view description, FieldRules rules = {}) {
    if (promised != actual)
        promised_offset_differs_from_offsetof();
    const std::size_t element = is_whole(kind) ? sizeof(Member) : sizeof(std::remove_all_extents_t<Member>);
    return Field{rules,
                 name,
                 static_cast<std::uint32_t>(promised),
                 static_cast<std::uint32_t>(sizeof(Member)),
                 static_cast<std::uint32_t>(element),
                 kind,
                 description};
}

}  // namespace schema_detail

// FIELD(S, member, offset, kind, "description", .max = ..., .names = ...)
#define DAXFS_FIELD(S, member, promised_offset, kind, description, ...)                             \
    ::daxfs::schema_detail::row<decltype(S::member)>(#member, promised_offset, offsetof(S, member), \
                                                     ::daxfs::Kind::kind, description,              \
                                                     ::daxfs::FieldRules{__VA_ARGS__})

constexpr bool tiles(std::span<const Field> fields, std::size_t size) {
    std::size_t next = 0;
    for (const Field& field : fields) {
        if (field.offset != next || field.size == 0 || field.size % field.element_size != 0)
            return false;
        next += field.size;
    }
    return next == size;
}

constexpr bool overlays(std::span<const Field> fields, std::size_t size) {
    std::size_t largest = 0;
    for (const Field& field : fields) {
        if (field.offset != 0 || field.size == 0 || field.size % field.element_size != 0)
            return false;
        largest = field.size > largest ? field.size : largest;
    }
    return largest == size;
}

// The type-erased schema of S. Both locks are checked where it is first used.
template <typename S>
consteval StructSchema make_schema() {
    if constexpr (std::is_union_v<S>)
        static_assert(overlays(Schema<S>::kFields, sizeof(S)), "rows do not overlay the union");
    else
        static_assert(tiles(Schema<S>::kFields, sizeof(S)), "rows do not tile the struct");
    return {Schema<S>::kName, Schema<S>::kTitle, sizeof(S), std::is_union_v<S>, Schema<S>::kFields};
}
template <typename S>
inline constexpr StructSchema kSchema = make_schema<S>();

// Bytes of a structure. All functions below take at least `StructSchema::size` of them (asserted).
using StructBytes = std::span<const std::byte>;

template <typename S>
StructBytes bytes_of(const S& structure) {
    return std::as_bytes(std::span<const S, 1>(&structure, 1));
}

// One element of a field, found by walking nested structs and unions: `fork.extents[2].length`.
struct FieldPlace {
    const Field* field = nullptr;
    std::uint32_t offset = 0;  // of the element, from the start of the outermost struct
};

// `fields[index]` of the outermost struct.
constexpr FieldPlace place_of(const Field& field, std::uint32_t index = 0) {
    return {&field, field.offset + index * field.element_size};
}
// An unknown name, a missing or excessive index, or a path that ends in a struct is an error that names it.
Result<FieldPlace> find_place(const StructSchema& schema, std::string_view path);

// An integer field's value. Signed kinds: two's complement.
std::uint64_t read_integer(FieldPlace place, StructBytes bytes);
// By name, of a field that exists, is an integer, and is no array.
std::uint64_t read_integer(const StructSchema& schema, std::string_view name, StructBytes bytes);

// The value for a person: `written (1)`, `0x00c0ffee`, `"label"`.
std::string format_value(FieldPlace place, StructBytes bytes);
// The names of set bits, and the bits without a name.
std::string format_flags(std::uint64_t value, std::span<const NamedValue> names);
// Printable ASCII and valid UTF-8 as they are, quotes, backslashes and all else escaped, in double quotes.
std::string quote(std::string_view bytes);
std::string format_uuid(std::span<const std::byte, 16> uuid);
// ISO 8601 in UTC; empty where the year does not fit.
std::string format_time(std::int64_t seconds);

// The range in words: `1 to 4096`, `0`, `a multiple of 8 from 24 to 4032`; empty where every value is valid.
std::string range_text(const Field& field);
// What is wrong with the value, as a phrase: `out of range (1 to 4096)`; empty optional where it is valid.
// kCrc is always valid here, and so is kStruct: lib/format/checksum.h and the nested rows judge those.
std::optional<std::string> check_value(FieldPlace place, StructBytes bytes);
// Calls report(place, phrase) for every element of `schema` that is out of range. Unions are left to the caller.
template <typename Report>
void check_ranges(const StructSchema& schema, StructBytes bytes, Report&& report) {
    for (const Field& field : schema.fields)
        for (std::uint32_t index = 0; index < field.count(); ++index)
            if (auto phrase = check_value(place_of(field, index), bytes))
                report(place_of(field, index), *phrase);
}

// The member of a union that is live under `selector`'s value; nullptr where none is.
const Field* live_member(const StructSchema& union_schema, std::uint64_t selector);

// Reads `text` as format_value writes it (a bare number, a name, `a|b`, a UUID, a string with or without quotes) and
// stores it. A number must fit the field's bytes, not its valid range: making damage is what a debugger is for.
Result<void> write_value(FieldPlace place, std::string_view text, std::span<std::byte> bytes);
Result<void> write_integer(FieldPlace place, std::uint64_t value, std::span<std::byte> bytes);

// "hexadecimal", "block", ... as daxfs(5) says it.
std::string_view kind_name(Kind kind);

}  // namespace daxfs
