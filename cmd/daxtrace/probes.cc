// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/probes.h"

#include <bpf/btf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace daxfs::trace {
namespace {

constexpr std::array kProbes{
    Probe{"iomap_iter", ProbeGroup::kIomap, 3, false},
    Probe{"iomap_iter_dstmap", ProbeGroup::kIomap, 2, true},
    Probe{"dax_pmd_fault", ProbeGroup::kFsDax, 4, false},
    Probe{"dax_pmd_fault_done", ProbeGroup::kFsDax, 4, true},
    Probe{"dax_pmd_load_hole_fallback", ProbeGroup::kFsDax, 4, false},
    Probe{"dax_pte_fault", ProbeGroup::kFsDax, 3, false},
    Probe{"dax_pte_fault_done", ProbeGroup::kFsDax, 3, true},
    Probe{"dax_insert_pfn_mkwrite", ProbeGroup::kFsDax, 3, true},
    Probe{"dax_writeback_range", ProbeGroup::kFsDax, 3, false},
    Probe{"dax_writeback_one", ProbeGroup::kFsDax, 3, false},
    Probe{"dax_writeback_range_done", ProbeGroup::kFsDax, 3, true},
    Probe{"daxfs_get_blocks_enter", ProbeGroup::kDaxfs, 4, false},
    Probe{"daxfs_get_blocks_exit", ProbeGroup::kDaxfs, 8, true},
    Probe{"daxfs_fault", ProbeGroup::kDaxfs, 8, true},
    Probe{"daxfs_pfn_mkwrite", ProbeGroup::kDaxfs, 4, true},
    Probe{"daxfs_write_done", ProbeGroup::kDaxfs, 8, true},
    Probe{"daxfs_convert", ProbeGroup::kDaxfs, 4, true},
    Probe{"daxfs_alloc", ProbeGroup::kDaxfs, 8, true},
    Probe{"daxfs_commit", ProbeGroup::kDaxfs, 8, true},
    Probe{"daxfs_recovery", ProbeGroup::kDaxfs, 5, true},
    Probe{"sched_process_fork", ProbeGroup::kProcess, 2, false},
};

// Arguments of the tracepoint `name` in `types`, or -1 if it is not there.
int tracepoint_arguments(const btf* types, const char* name) {
    const std::string type_name = fmt::format("btf_trace_{}", name);
    const int id = btf__find_by_name_kind(types, type_name.c_str(), BTF_KIND_TYPEDEF);
    if (id < 0)
        return -1;
    const btf_type* type = btf__type_by_id(types, btf__type_by_id(types, static_cast<__u32>(id))->type);
    if (type == nullptr || !btf_is_ptr(type))
        return -1;
    const btf_type* function = btf__type_by_id(types, type->type);
    if (function == nullptr || !btf_is_func_proto(function))
        return -1;
    // The first parameter is the probe's private data.
    return static_cast<int>(btf_vlen(function)) - 1;
}

std::string module_btf_trouble(int error) {
    if (access("/sys/module/daxfs", F_OK) != 0)
        return "the daxfs module is not loaded";
    if (error == ENOENT)
        return "the daxfs module was built without BTF";
    return fmt::format("the daxfs module's BTF cannot be read: {}", errno_text(error));
}

}  // namespace

std::span<const Probe> probes() {
    return kProbes;
}

const char* group_name(ProbeGroup group) {
    switch (group) {
        case ProbeGroup::kIomap:
            return "iomap";
        case ProbeGroup::kFsDax:
            return "fs_dax";
        case ProbeGroup::kDaxfs:
            return "daxfs";
        case ProbeGroup::kProcess:
            break;
    }
    return "sched";
}

const char* group_gives(ProbeGroup group) {
    switch (group) {
        case ProbeGroup::kIomap:
            return "mappings of any filesystem";
        case ProbeGroup::kFsDax:
            return "faults and flushes of any filesystem";
        case ProbeGroup::kDaxfs:
            return "daxfs's write completions, commits, allocations and its own reasons";
        case ProbeGroup::kProcess:
            break;
    }
    return "a command's child processes";
}

KernelBtf::KernelBtf() {
    core_ = btf__load_vmlinux_btf();
    if (core_ == nullptr) {
        trouble_ = access("/sys/kernel/btf/vmlinux", F_OK) != 0
                       ? "this kernel has no BTF (/sys/kernel/btf/vmlinux; CONFIG_DEBUG_INFO_BTF)"
                       : fmt::format("the kernel's BTF cannot be read: {}", errno_text(errno));
        return;
    }
    module_ = btf__load_module_btf("daxfs", core_);
    if (module_ == nullptr)
        module_trouble_ = module_btf_trouble(errno);
}

KernelBtf::~KernelBtf() {
    btf__free(module_);
    btf__free(core_);
}

std::string KernelBtf::why_not(const Probe& probe) const {
    if (core_ == nullptr)
        return trouble_;
    const bool in_module = probe.group == ProbeGroup::kDaxfs;
    if (in_module && module_ == nullptr)
        return module_trouble_;
    const int arguments = tracepoint_arguments(in_module ? module_ : core_, probe.tracepoint);
    if (arguments < 0)
        return in_module ? "the loaded daxfs module has no such tracepoint" : "this kernel has no such tracepoint";
    if (arguments < probe.arguments)
        return fmt::format("the tracepoint has {} arguments, not {}", arguments, probe.arguments);
    return {};
}

std::string missing_capabilities(const std::string& proc_status) {
    constexpr unsigned kSysAdmin = 21;
    constexpr unsigned kPerfmon = 38;
    constexpr unsigned kBpf = 39;
    constexpr std::string_view kField = "CapEff:";
    const std::size_t at = proc_status.find(kField);
    if (at == std::string::npos)
        return {};
    const std::uint64_t held = std::strtoull(proc_status.c_str() + at + kField.size(), nullptr, 16);
    const auto lacks = [held](unsigned capability) { return (held >> capability & 1) == 0; };
    // CAP_SYS_ADMIN includes the other two.
    if (!lacks(kSysAdmin))
        return {};
    if (lacks(kBpf) || lacks(kPerfmon))
        return "needs root (CAP_BPF and CAP_PERFMON; for daxfs's own tracepoints CAP_SYS_ADMIN)";
    return {};
}

std::string missing_capabilities() {
    std::ifstream file("/proc/self/status");
    std::stringstream text;
    text << file.rdbuf();
    return missing_capabilities(text.str());
}

}  // namespace daxfs::trace
