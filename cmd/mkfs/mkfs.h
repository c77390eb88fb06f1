// SPDX-License-Identifier: GPL-2.0-or-later
// mkfs.daxfs: makes a filesystem, empty or filled, on a device or in a file.
#pragma once

#include "lib/cli/tool.h"

namespace daxfs::mkfs {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;  // wrong usage, refused, or failed

inline constexpr cli::Program kProgram{.name = "mkfs.daxfs", .trouble_exit = kExitFailed, .ends_its_work = true};

int mkfs_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::mkfs
