// SPDX-License-Identifier: GPL-2.0-or-later
// mkfs.daxfs: makes an empty filesystem on a device or in a file.
#pragma once

#include "lib/cli/tool.h"

namespace daxfs::mkfs {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;  // wrong usage, refused, or failed

int mkfs_tool(cli::Args args, cli::Streams& streams);

}  // namespace daxfs::mkfs
