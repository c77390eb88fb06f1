// SPDX-License-Identifier: GPL-2.0-or-later
// Result<T>: how the outside world (I/O, usage, no space) reports trouble. Damage inside an image is not an Error:
// it is a Problem, reported by lib/check.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <tl/expected.hpp>

namespace daxfs {

// One line for a person: what was wrong, with what, and where.
struct Error {
    std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

template <typename... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
    return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...)});
}

// `code` is an errno value.
[[nodiscard]] inline std::string errno_text(int code) {
    return std::generic_category().message(code);
}

}  // namespace daxfs

#define DAXFS_TRY_CAT2(a, b) a##b
#define DAXFS_TRY_CAT(a, b) DAXFS_TRY_CAT2(a, b)

// DAXFS_TRY(call()) returns the error of a Result<void>; DAXFS_TRY_ASSIGN(auto x, call()) also binds the value.
// The only control-flow macros in the project.
#define DAXFS_TRY(expression)                                             \
    do {                                                                  \
        if (auto daxfs_try_result = (expression); !daxfs_try_result)      \
            return ::tl::unexpected(std::move(daxfs_try_result).error()); \
    } while (false)

#define DAXFS_TRY_ASSIGN(declaration, expression) \
    DAXFS_TRY_ASSIGN_IMPL(declaration, expression, DAXFS_TRY_CAT(daxfs_try_, __LINE__))
#define DAXFS_TRY_ASSIGN_IMPL(declaration, expression, temporary) \
    auto temporary = (expression);                                \
    if (!temporary)                                               \
        return ::tl::unexpected(std::move(temporary).error());    \
    declaration = *std::move(temporary)
