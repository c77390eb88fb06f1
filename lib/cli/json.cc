// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cli/json.h"

#include <ostream>

namespace daxfs::cli {

Json document(const Schema& schema, const Json& content) {
    Json json{{"schema", schema.name}, {"version", schema.version}, {"program", schema.program}};
    for (const auto& [name, value] : content.items())
        json[name] = value;
    return json;
}

std::string json_text(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void write_json(std::ostream& out, const Schema& schema, const Json& content) {
    out << json_text(document(schema, content)) << '\n';
}

}  // namespace daxfs::cli
