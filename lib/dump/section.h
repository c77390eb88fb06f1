// SPDX-License-Identifier: GPL-2.0-or-later
// One decoded structure, neutral between text, JSON and the screen: rows with name, value, place, a pointer to follow
// and what is wrong.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "lib/base/strong.h"
#include "lib/format/schema.h"

namespace daxfs {

using Json = nlohmann::ordered_json;

// Where a row points.
struct Target {
    enum class To : std::uint8_t { kBlock, kInode };
    To to = To::kBlock;
    std::uint64_t number = 0;

    bool operator==(const Target&) const = default;
};

struct Row {
    std::string name;  // path inside the structure: "mode", "fork.extents[2]"
    std::string value;
    std::uint32_t offset = 0;  // of its bytes, in the block
    std::uint32_t size = 0;
    std::optional<Target> target;
    std::string remark;  // "ok", "wrong: computed 0x...", "out of range (1 to 4096)"
    bool wrong = false;  // the remark is a complaint
};

struct Section {
    std::string title;
    std::uint32_t offset = 0;  // of the structure, in the block
    std::vector<Row> rows;
    std::vector<std::string> problems;  // that belong to no single row
    Json json;                          // the same, for a program

    void problem(std::string text) { problems.push_back(std::move(text)); }
    Row* find(std::string_view name);
};

// Every field of the structure at `offset` of its block, with its range judged. Nested structs are one row an element;
// of a union only the live member, as far as the enclosing struct says that it is in use.
Section decode_struct(const StructSchema& schema, StructBytes bytes, std::uint32_t offset);

// Says beside `crc` whether it is the computed one, in rows and JSON.
void judge_crc(Section& section, std::uint32_t stored, std::uint32_t computed);

// "length 8, state written (1)": all members that are not reserved.
std::string one_line(const StructSchema& schema, StructBytes bytes);

// Members as JSON: numbers as numbers, hexadecimal kinds and keys as strings, flags as arrays of names.
Json json_of(const StructSchema& schema, StructBytes bytes);
// A name of bytes: itself where it is UTF-8, else with broken bytes escaped.
std::string json_text(std::string_view bytes);

struct TextStyle {
    bool color = false;
};
void write_text(std::ostream& out, const Section& section, TextStyle style = {});
// Classic dump, 16 bytes a line, repeated lines folded into '*'. `base` is the offset of the first byte.
void write_hex(std::ostream& out, StructBytes bytes, std::uint64_t base);
// The 16 bytes of one line as hexadecimal columns and as characters.
std::string hex_line(StructBytes bytes, std::uint64_t offset);

}  // namespace daxfs
