// SPDX-License-Identifier: GPL-2.0-or-later
// The terminal under the view: draws its grid, reads its keys, and leaves the terminal as it was, also after SIGINT and
// SIGTERM.
#pragma once

#include "cmd/daxdb/session.h"
#include "lib/base/result.h"

namespace daxfs::daxdb {

// Returns when the user quits. Standard input and output are a terminal. A signal ends the process by that signal.
Result<void> show_screen(const Session& session, bool color);

}  // namespace daxfs::daxdb
