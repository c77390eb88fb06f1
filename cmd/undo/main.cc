// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/undo/undo.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::undo::kProgram, daxfs::undo::undo_tool);
}
