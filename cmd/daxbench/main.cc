// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxbench/daxbench.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::bench::kProgram, daxfs::bench::run);
}
