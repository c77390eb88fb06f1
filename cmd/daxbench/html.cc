// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/html.h"

namespace daxfs::bench {

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

}  // namespace daxfs::bench
