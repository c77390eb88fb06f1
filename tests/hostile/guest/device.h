// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of /dev/pmem0, stored and loaded without the kernel noticing (iomem=relaxed on its command line).
#pragma once

#include <span>

#include "tests/hostile/mutant.h"

namespace daxfs::hostile {

class PmemDevice {
  public:
    // Ends the program where the device cannot be mapped or is smaller than the base.
    explicit PmemDevice(const Base& base);

    // Every block as the mutant has it.
    void lay_out(const Mutant& mutant);
    std::byte* bytes() { return bytes_.data(); }

  private:
    const Base& base_;
    std::span<std::byte> bytes_;
};

}  // namespace daxfs::hostile
