// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/mkfs.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::mkfs::kProgram, daxfs::mkfs::mkfs_tool);
}
