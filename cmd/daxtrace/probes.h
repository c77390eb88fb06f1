// SPDX-License-Identifier: GPL-2.0-or-later
// The tracepoints that daxtrace attaches to, and what this kernel's BTF says of them.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/base/result.h"

struct btf;

namespace daxfs::trace {

enum class ProbeGroup { kIomap, kFsDax, kDaxfs, kProcess };

struct Probe {
    const char* tracepoint;
    ProbeGroup group;
    int arguments;   // that the program reads positions of
    bool completes;  // counts an operation: one that the kernel skips is a lost operation
};

// All of them, in the order of the report. The program of a probe is called on_<tracepoint>.
[[nodiscard]] std::span<const Probe> probes();

[[nodiscard]] const char* group_name(ProbeGroup group);

// What is missing from the summary without the group, one clause.
[[nodiscard]] const char* group_gives(ProbeGroup group);

// The kernel's own type information, of its core and of the daxfs module.
class KernelBtf {
  public:
    KernelBtf();
    ~KernelBtf();
    KernelBtf(const KernelBtf&) = delete;
    KernelBtf& operator=(const KernelBtf&) = delete;

    // Empty: the core's BTF is there. Otherwise why not.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

    // Empty: a program can be attached to it, as far as BTF tells. Otherwise why not, one clause.
    [[nodiscard]] std::string why_not(const Probe& probe) const;

  private:
    btf* core_ = nullptr;
    btf* module_ = nullptr;
    std::string trouble_;
    std::string module_trouble_;
};

// Empty: this process may trace. Otherwise what it lacks, from CapEff in the text of /proc/self/status.
[[nodiscard]] std::string missing_capabilities(const std::string& proc_status);
[[nodiscard]] std::string missing_capabilities();

}  // namespace daxfs::trace
