// SPDX-License-Identifier: GPL-2.0-or-later
// What every JSON document of the tools begins with, so that a program knows what it reads before it reads on:
//   {"schema": NAME, "version": NUMBER, "program": NAME, ...}
// Within a version members are only added. Where there is no result, the document is of the schema "daxfs.error",
// version 1, and has "error" (the message) and "exit" (the exit code).
#pragma once

#include <iosfwd>
#include <string_view>

#include <nlohmann/json.hpp>

namespace daxfs::cli {

using Json = nlohmann::ordered_json;

struct Schema {
    std::string_view name;
    int version;
    std::string_view program;
};

// `content`, an object, behind the head.
Json document(const Schema& schema, const Json& content);

// The text of a value. Paths and names come from outside: bytes that are no UTF-8 are replaced.
std::string json_text(const Json& json, int indent = 2);

// The document and a line end.
void write_json(std::ostream& out, const Schema& schema, const Json& content);

}  // namespace daxfs::cli
