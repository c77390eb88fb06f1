// SPDX-License-Identifier: GPL-2.0-or-later
// What the tasks tell the recorder: instructions that do nothing (cmd/daxbench/mark.h says how).
#pragma once

#include "cmd/daxbench/mark.h"

namespace daxfs::scale {

inline constexpr std::uint32_t kMarkRecording = 0x52584144;  // tasks follow, of one operation
inline constexpr std::uint32_t kMarkTask = 0x54584144;       // ... of this processor
inline constexpr std::uint32_t kMarkOperation = 0x4f584144;  // one operation is over, the next begins
inline constexpr std::uint32_t kMarkTaskEnd = 0x44584144;    // ... and none begins
inline constexpr std::uint32_t kMarkWrite = 0x57584144;      // the recording is complete

}  // namespace daxfs::scale
