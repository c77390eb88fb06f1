// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace daxfs::trace {

// Three digits and a unit: "0 ns", "512 ns", "1.02 us", "16.4 ms", "2.50 s", "4001 s".
[[nodiscard]] std::string format_duration(std::uint64_t ns);

// "1,234,567"
[[nodiscard]] std::string format_count(std::uint64_t count);

// "1 fault", "1,234 faults"
[[nodiscard]] std::string format_counted(std::uint64_t count, std::string_view noun, std::string_view plural = {});

// "0 B", "512 B", "4 KiB", "1.50 MiB"
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace daxfs::trace
