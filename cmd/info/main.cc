// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/info/info.h"

int main(int argc, char** argv) {
    return daxfs::cli::run_main(argc, argv, daxfs::info_page::kProgram, daxfs::info_page::info_tool);
}
