// SPDX-License-Identifier: GPL-2.0-or-later
// crashlab: judges the crash states of recorded runs. `tests/crash/run` records them.
#include <iostream>

#include "tests/crash/lab/command.h"

int main(int count, char** words) {
    try {
        return daxfs::crash::crashlab({words + 1, words + count}, std::cout, std::cerr);
    } catch (const std::exception& error) {
        std::cerr << "crashlab: " << error.what() << '\n';
        return 2;
    }
}
