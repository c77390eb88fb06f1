// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/report.h"

namespace daxfs::daxdb {

// Paths and commands come from outside and need not be UTF-8.
std::string Report::text_of(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
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
        out_ << "{\"format\": \"daxdb\", \"version\": 1, \"image\": " << text_of(image) << ", \"results\": [";
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

void Report::end_document() {
    if (json_)
        out_ << "]}\n";
}

}  // namespace daxfs::daxdb
