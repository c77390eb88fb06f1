// SPDX-License-Identifier: GPL-2.0-or-later
// Stores and loads behind the end of file, which another thread may have moved.
#pragma once

#include <unistd.h>

#include <csetjmp>
#include <csignal>

namespace mixer {

inline thread_local sigjmp_buf* on_sigbus = nullptr;

inline void handle_sigbus(int) {
    if (on_sigbus == nullptr)
        _exit(3);
    siglongjmp(*on_sigbus, 1);
}

inline void catch_sigbus() {
    struct sigaction action {};
    action.sa_handler = handle_sigbus;
    sigaction(SIGBUS, &action, nullptr);
}

// False: SIGBUS came.
template <typename Function>
bool without_sigbus(Function&& function) {
    sigjmp_buf place;
    if (sigsetjmp(place, 1) != 0) {
        on_sigbus = nullptr;
        return false;
    }
    on_sigbus = &place;
    function();
    on_sigbus = nullptr;
    return true;
}

}  // namespace mixer
