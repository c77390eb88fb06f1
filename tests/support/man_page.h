// SPDX-License-Identifier: GPL-2.0-or-later
// Holds a tool's options against its man page.
#pragma once

#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace daxfs::test {

inline std::string read_text_file(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// How mdoc writes an option: "-x" is "Fl x", "--long" is "Fl -long".
inline bool documents(const std::string& page, const std::string& mdoc_flag) {
    for (std::size_t at = page.find("Fl " + mdoc_flag); at != std::string::npos;
         at = page.find("Fl " + mdoc_flag, at + 1)) {
        const std::size_t end = at + 3 + mdoc_flag.size();
        if (end >= page.size() || page[end] == ' ' || page[end] == '\n')
            return true;
    }
    return false;
}

// Options and subcommands of `app` that `page` (a path below man/) does not mention, as a user would type them.
inline std::vector<std::string> undocumented(const CLI::App& app, const std::string& page) {
    const std::string text = read_text_file(std::string(DAXFS_SOURCE_DIR) + "/man/" + page);
    std::vector<std::string> missing;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_snames())
            if (!documents(text, name))
                missing.push_back("-" + name);
        for (const std::string& name : option->get_lnames())
            if (!documents(text, "-" + name))
                missing.push_back("--" + name);
    }
    for (const CLI::App* command : app.get_subcommands({})) {
        if (text.find("Cm " + command->get_name()) == std::string::npos)
            missing.push_back(command->get_name());
        for (std::string& name : undocumented(*command, page))
            missing.push_back(command->get_name() + " " + std::move(name));
    }
    return missing;
}

}  // namespace daxfs::test
