// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/daxtrace.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::trace::kProgram, daxfs::trace::run);
}
