// SPDX-License-Identifier: GPL-2.0-or-later
// What the test programs of names share: a condition that must hold, a call that must succeed or fail in one way.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace live {

[[noreturn]] inline void failed(const char* file, int line, const char* what, int error) {
    std::printf("FAIL: %s:%d: %s", file, line, what);
    if (error != 0)
        std::printf(": %s", std::strerror(error));
    std::printf("\n");
    std::fflush(stdout);
    std::_Exit(1);
}

}  // namespace live

// NOLINTBEGIN(cppcoreguidelines-macro-usage): they print the text of the condition
#define EXPECT(condition) ((condition) ? void() : live::failed(__FILE__, __LINE__, #condition, 0))
// A call that returns -1 and sets errno on failure.
#define MUST(call)                                          \
    ([&] {                                                  \
        const auto must_result = (call);                    \
        if (must_result == -1)                              \
            live::failed(__FILE__, __LINE__, #call, errno); \
        return must_result;                                 \
    }())
#define MUST_FAIL(call, error)                                                 \
    do {                                                                       \
        errno = 0;                                                             \
        if ((call) != -1)                                                      \
            live::failed(__FILE__, __LINE__, #call " succeeded", 0);           \
        if (errno != (error))                                                  \
            live::failed(__FILE__, __LINE__, #call " without " #error, errno); \
    } while (false)
// NOLINTEND(cppcoreguidelines-macro-usage)
