// SPDX-License-Identifier: GPL-2.0-or-later
// What the running system knows about a device or file: who uses it, and where it lies in physical memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace daxfs {

// Where the kernel's facts are read; tests have their own.
struct SystemPaths {
    std::string proc = "/proc";
    std::string sys = "/sys";
};

// What keeps `path` busy, as one phrase such as "mounted on /mnt": a mount of it, of one of its partitions or of a loop
// device over the file; swap; a device-mapper or md device on top. Empty: nothing.
std::optional<std::string> in_use_by(const std::string& path, const SystemPaths& system = {});
std::optional<std::string> block_device_in_use_by(const std::string& path, dev_t device, const SystemPaths& system);

// The block device of the mounted filesystem that `directory` lies in, as the list of mounts names it. Empty: it lies
// on none.
std::optional<std::string> mounted_device(const std::string& directory, const SystemPaths& system = {});

// How a device is reached, as far as huge pages go.
struct HugePageVerdict {
    enum class Answer {
        kYes,
        kNo,       // no DAX here, or no 2 MiB faults
        kUnknown,  // the system does not say
    };
    Answer answer = Answer::kUnknown;
    std::string reason;   // a sentence without a full stop
    std::string command;  // what puts it right; may be empty
    // Of the device's first byte, in bytes; empty where it is not known.
    std::optional<std::uint64_t> physical_start;
    bool refused = false;  // no module can mount it as it is laid out
};

// "yes", "no" or "unknown".
const char* answer_name(HugePageVerdict::Answer answer);

HugePageVerdict huge_page_verdict(const std::string& path, const SystemPaths& system = {});
// Of a block device; `path` is for the text.
HugePageVerdict huge_page_verdict_of(dev_t device, const std::string& path, const SystemPaths& system);
// Of a filesystem there whose first group lies `align_blocks` behind the device's first byte: no, where a device that
// could give huge pages starts elsewhere than the filesystem was made for.
HugePageVerdict fit_to_filesystem(HugePageVerdict verdict, std::uint32_t align_blocks);

}  // namespace daxfs
