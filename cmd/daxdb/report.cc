// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/report.h"

#include "cmd/daxdb/daxdb.h"
#include "lib/cli/json.h"

namespace daxfs::daxdb {
namespace {

// An object to which members are added.
std::string opened(std::string object) {
    object.pop_back();
    return object;
}

}  // namespace

std::string Report::text_of(const Json& value) {
    return cli::json_text(value, -1);
}

void Report::member(std::string_view key, const Json& value) {
    if (json_)
        out_ << ",\n   " << text_of(key) << ": " << text_of(value);
}

void Report::begin_list(std::string_view key) {
    if (json_)
        out_ << ",\n   " << text_of(key) << ": [";
    first_element_ = true;
}

void Report::element(const Json& value) {
    if (json_)
        out_ << (first_element_ ? "\n    " : ",\n    ") << text_of(value);
    first_element_ = false;
}

void Report::end_list() {
    if (json_)
        out_ << ']';
}

void Report::begin_document(const std::string& image) {
    if (json_)
        out_ << opened(cli::json_text(
                    cli::document({"daxfs.daxdb", 1, kProgram.name}, {{"format", "daxdb"}, {"image", image}}), -1))
             << ", \"results\": [";
}

void Report::begin_result(std::string_view command) {
    if (json_)
        out_ << (first_result_ ? "\n" : ",\n") << "  {\"command\": " << text_of(command);
    first_result_ = false;
}

void Report::end_result(std::string_view error) {
    if (!json_)
        return;
    member("ok", error.empty());
    if (!error.empty())
        member("error", error);
    out_ << '}';
}

void Report::end_document(int exit_code, std::string_view error) {
    if (!json_)
        return;
    out_ << "], \"exit\": " << exit_code;
    if (!error.empty())
        out_ << ", \"error\": " << text_of(error);
    out_ << "}\n";
}

}  // namespace daxfs::daxdb
