// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/daxdb.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::daxdb::kProgram, daxfs::daxdb::run);
}
