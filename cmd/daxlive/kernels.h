// SPDX-License-Identifier: GPL-2.0-or-later
// Finds the kernel to boot, its modules, our module, and the other parts of a guest on this machine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/daxlive/options.h"
#include "lib/base/result.h"

namespace daxfs::live {

// Where things are. `./dev build` leaves daxlive in build/bin, and everything else beside it in build.
struct Places {
    std::string kernels;             // build/kernels: SERIES -> RELEASE/{boot,lib/modules}
    std::string module_builds;       // build/kernel: RELEASE/daxfs.ko
    std::vector<std::string> tools;  // folders: build/bin; of what is installed: bin and sbin
    bool shared_folders = false;     // `tools` have the programs of the whole system too
    std::string init;                // build/libexec/daxlive-init, or where that is installed
    std::string cache;               // finished parts of initramfs archives; empty: nowhere to keep them
};

// From the running program's own path; the environment's DAXLIVE_BUILD names another build directory, or the prefix of
// an installation.
Places find_places(const Options& options);

struct Kernel {
    std::string release;
    std::string image;    // ELF vmlinux where there is one: it need not decompress itself in the guest
    std::string modules;  // .../lib/modules/RELEASE; empty: everything is built in
    std::string daxfs;    // daxfs.ko; empty: not built
};

Result<Kernel> find_kernel(const Options& options, const Places& places);

// The release inside a bzImage's header.
Result<std::string> release_of_bzimage(std::string_view bytes);

}  // namespace daxfs::live
