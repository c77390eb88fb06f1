// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxlive/daxlive.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::live::kProgram, daxfs::live::run);
}
