// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of /dev/pmem0, stored and loaded without the kernel noticing (iomem=relaxed on its command line); where
// there is no /dev/mem, through the block device, between mounts only.
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
    // Whether bytes() are the device's: what is stored there is seen at once.
    bool in_place() const { return in_place_; }

  private:
    bool read_device(int device);

    const Base& base_;
    bool in_place_;
    std::span<std::byte> bytes_;
};

}  // namespace daxfs::hostile
