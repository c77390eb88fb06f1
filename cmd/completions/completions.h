// SPDX-License-Identifier: GPL-2.0-or-later
// What a shell completes of a tool's command line, from the table of its options: every option that the tool takes and
// no other.
#pragma once

#include <memory>
#include <string>
#include <vector>

// As in lib/cli/tool.h.
namespace CLI {
class App;
}

namespace daxfs::completions {

// A file that bash-completion reads when NAME, the app's, is first completed.
std::string bash_completion(const CLI::App& app);

// A function for zsh's $fpath, "_NAME".
std::string zsh_completion(const CLI::App& app);

// Those of all tools that are installed.
std::vector<std::shared_ptr<CLI::App>> all_tools();

}  // namespace daxfs::completions
