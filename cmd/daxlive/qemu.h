// SPDX-License-Identifier: GPL-2.0-or-later
// QEMU's command line: memory, the images as e820 type-12 ranges that nd_e820 turns into /dev/pmemN, the kernel, and
// two channels: the console and the port to the guest's init.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/daxlive/kernels.h"
#include "cmd/daxlive/options.h"
#include "lib/base/result.h"

namespace daxfs::live {

struct Image {
    std::string path;
    std::uint64_t bytes;
};

// Opens nothing for writing; refuses what QEMU would resize or could not map.
Result<Image> inspect_image(const std::string& path);

// File descriptors that QEMU inherits.
struct Channels {
    int console;
    int port;
};

std::vector<std::string> qemu_command(const Options& options, const std::vector<Image>& images, const Kernel& kernel,
                                      const std::string& initrd, const Channels& channels);

// Guest memory beside the images: as asked, or 2 GiB and what struct pages of the images take.
std::uint64_t guest_memory(const Options& options, const std::vector<Image>& images);

// A value inside a QEMU option: a comma is written twice.
std::string escape_qemu(std::string_view value);

// A command line that a shell would read back as these words.
std::string quote_words(const std::vector<std::string>& words);

}  // namespace daxfs::live
