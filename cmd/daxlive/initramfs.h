// SPDX-License-Identifier: GPL-2.0-or-later
// Puts together the guest's root: our init, busybox, kernel modules, our tools and the libraries they load.
//
// It is written in parts, one cpio archive each; a part is kept below Places::cache under a hash of what went into it,
// so that a second boot only joins files.
#pragma once

#include <string>
#include <vector>

#include "cmd/daxlive/kernels.h"
#include "cmd/daxlive/options.h"
#include "lib/base/result.h"

namespace daxfs::live {

// Writes the archive for QEMU's -initrd to `path`.
Result<void> build_initramfs(const Options& options, const Places& places, const Kernel& kernel,
                             const std::string& path);

// What the guest gets of this machine: our tools, and what --host-tool names.
Result<std::vector<std::string>> programs(const Options& options, const Places& places);

// The libraries that a program loads, and its interpreter, as absolute paths. None for a static program or a script.
Result<std::vector<std::string>> libraries_of(const std::string& program);

// The part that --initrd-add asks for: a directory's regular files, directories and symbolic links, below `at`.
Result<std::string> archive_directory(const std::string& directory, const std::string& at);

}  // namespace daxfs::live
