// SPDX-License-Identifier: GPL-2.0-or-later
// What the self-contained pages share.
#pragma once

#include <string>

namespace daxfs::bench {

std::string escaped(const std::string& text);

inline constexpr const char* kPageStyle =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;color:#222;padding:0 1em}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.2em .8em;border-bottom:1px solid #ddd;white-space:nowrap}";

}  // namespace daxfs::bench
