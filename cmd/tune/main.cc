// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/tune/tune.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::tuning::kProgram, daxfs::tuning::tune_tool);
}
