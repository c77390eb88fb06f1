// SPDX-License-Identifier: GPL-2.0-or-later
// Runs a tool in this process, with its streams in memory.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "lib/cli/tool.h"

namespace daxfs::test {

struct Outcome {
    int code = -1;
    std::string out, err;

    nlohmann::ordered_json json() const { return nlohmann::ordered_json::parse(out); }
};

// `tool`: (arguments without the program's name, streams) -> exit code.
template <typename Tool>
Outcome run_tool(const Tool& tool, const std::vector<std::string>& args, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out, err;
    cli::Streams streams{in, out, err};
    const int code = tool(args, streams);
    return {code, out.str(), err.str()};
}

}  // namespace daxfs::test
