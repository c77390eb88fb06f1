// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/mkfs/interrupt.h"

namespace daxfs::mkfs {
namespace {

volatile std::sig_atomic_t came = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
    came = 0;
    struct sigaction action {};
    // A second one ends the program.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    action.sa_handler = [](int) { came = 1; };
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        sigaction(kSignals[i], nullptr, &before_[i]);
        // What was ignored, as under nohup(1), stays so.
        if (before_[i].sa_handler != SIG_IGN)
            sigaction(kSignals[i], &action, nullptr);
    }
}

InterruptGuard::~InterruptGuard() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
        sigaction(kSignals[i], &before_[i], nullptr);
}

bool InterruptGuard::interrupted() {
    return came != 0;
}

}  // namespace daxfs::mkfs
