// SPDX-License-Identifier: GPL-2.0-or-later
// Foreign bytes on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace daxfs {

// A name from an image or a command line that moves no cursor: bytes of control characters, those of C1 (U+0080 to
// U+009F) among them, and bytes that are no UTF-8 become "\x1b".
std::string printable(std::string_view text);

}  // namespace daxfs
