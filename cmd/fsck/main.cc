// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/fsck/fsck.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::fsck::kProgram, daxfs::fsck::fsck_tool);
}
