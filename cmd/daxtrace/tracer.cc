// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxtrace/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include "daxtrace.skel.h"

namespace daxfs::trace {
namespace {

// libbpf explains itself only through a callback. It is kept whole, for a clause of it or for doctor -v.
std::string& libbpf_log() {
    static std::string text;
    return text;
}

int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN)
        return 0;
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    if (length > 0) {
        std::string text(static_cast<std::size_t>(length) + 1, '\0');
        std::vsnprintf(text.data(), text.size(), format, again);
        text.pop_back();
        libbpf_log() += text;
    }
    va_end(again);
    return length;
}

std::string load_trouble(int error) {
    if (error == EPERM)
        return "the kernel does not permit it";
    const std::string verdict = verifier_verdict(libbpf_log());
    return verdict.empty() ? errno_text(error) : fmt::format("{}: {}", errno_text(error), verdict);
}

bpf_program* program_of(const daxtrace_bpf* skeleton, const Probe& probe) {
    return bpf_object__find_program_by_name(skeleton->obj, fmt::format("on_{}", probe.tracepoint).c_str());
}

struct SkeletonCloser {
    void operator()(daxtrace_bpf* skeleton) const { daxtrace_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<daxtrace_bpf, SkeletonCloser>;

Result<Skeleton> open_skeleton() {
    libbpf_set_print(keep_log);
    libbpf_log().clear();
    Skeleton skeleton(daxtrace_bpf__open());
    if (!skeleton)
        return fail("cannot open the BPF programs: {}", load_trouble(errno));
    return skeleton;
}

bool wants(const ProbeState& state) {
    return state.why.empty();
}

// The states of a tracer in which nothing is attached yet.
std::vector<ProbeState> states_by_btf(const KernelBtf& btf, bool followed_only) {
    std::vector<ProbeState> states;
    for (const Probe& probe : probes()) {
        std::string why = btf.why_not(probe);
        if (why.empty() && probe.group == ProbeGroup::kProcess && !followed_only)
            why = "not needed: every process is traced";
        states.push_back({probe.tracepoint, false, std::move(why)});
    }
    return states;
}

bool wanted(const std::vector<ProbeState>& states, std::string_view name) {
    return std::any_of(states.begin(), states.end(),
                       [name](const ProbeState& state) { return state.name == name && wants(state); });
}

Result<Skeleton> load(const std::vector<ProbeState>& states, const TraceFilter& filter) {
    DAXFS_TRY_ASSIGN(Skeleton skeleton, open_skeleton());
    skeleton->rodata->only_device = filter.kernel_dev;
    skeleton->rodata->only_tgid = filter.tgid;
    skeleton->rodata->only_followed = filter.followed_only;
    skeleton->rodata->daxfs_faults = wanted(states, "daxfs_fault") && wanted(states, "daxfs_pfn_mkwrite");
    skeleton->rodata->daxfs_maps = wanted(states, "daxfs_get_blocks_enter") && wanted(states, "daxfs_get_blocks_exit");
    for (std::size_t i = 0; i < states.size(); ++i) {
        bpf_program* program = program_of(skeleton.get(), probes()[i]);
        if (program == nullptr)
            return fail("no BPF program for {}", states[i].name);
        bpf_program__set_autoload(program, wants(states[i]));
    }
    if (const int error = daxtrace_bpf__load(skeleton.get()); error != 0)
        return fail("cannot load the BPF programs: {}", load_trouble(-error));
    return skeleton;
}

// Of a program that was loaded and has a file descriptor.
Result<bpf_prog_info> program_info(const bpf_program* program) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0)
        return fail("cannot ask for a BPF program's counters: {}", errno_text(errno));
    return info;
}

// The values of one key on each possible CPU.
template <typename Value>
Result<std::vector<Value>> per_cpu(const bpf_map* map, __u32 key) {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 1)
        return fail("cannot tell the number of CPUs: {}", errno_text(-cpus));
    static_assert(sizeof(Value) % 8 == 0, "the kernel rounds a per-CPU value up to 8 bytes");
    std::vector<Value> values(static_cast<std::size_t>(cpus));
    if (bpf_map_lookup_elem(bpf_map__fd(map), &key, values.data()) != 0)
        return fail("cannot read the counters: {}", errno_text(errno));
    return values;
}

}  // namespace

std::string verifier_verdict(const std::string& log) {
    // The line before the statistics says what was wrong.
    const std::size_t statistics = log.find("\nprocessed ");
    if (statistics == std::string::npos)
        return {};
    const std::size_t before = log.rfind('\n', statistics - 1);
    const std::size_t begin = before == std::string::npos || statistics == 0 ? 0 : before + 1;
    return log.substr(begin, statistics - begin);
}

struct Tracer::Programs {
    Skeleton skeleton;
    std::vector<bpf_link*> links;
    int stats_fd = -1;

    ~Programs() {
        detach();
        if (stats_fd >= 0)
            close(stats_fd);
    }
    void detach() {
        for (bpf_link* link : links)
            bpf_link__destroy(link);
        links.clear();
    }
};

Tracer::Tracer() : programs_(std::make_unique<Programs>()) {}
Tracer::~Tracer() = default;

Result<std::unique_ptr<Tracer>> Tracer::open(const KernelBtf& btf, const TraceFilter& filter, bool measure_cost) {
    if (!btf.trouble().empty())
        return fail("{}", btf.trouble());
    std::unique_ptr<Tracer> tracer(new Tracer);
    tracer->states_ = states_by_btf(btf, filter.followed_only);
    auto skeleton = load(tracer->states_, filter);
    if (!skeleton) {
        // All or nothing: find which are refused, and go on without them.
        for (std::size_t i = 0; i < tracer->states_.size(); ++i)
            if (wants(tracer->states_[i]))
                tracer->states_[i].why = try_probe(btf, probes()[i]);
        DAXFS_TRY_ASSIGN(skeleton, load(tracer->states_, filter));
    }
    tracer->programs_->skeleton = *std::move(skeleton);
    bool any = false;
    for (std::size_t i = 0; i < tracer->states_.size(); ++i) {
        ProbeState& state = tracer->states_[i];
        if (!wants(state))
            continue;
        bpf_link* link = bpf_program__attach(program_of(tracer->programs_->skeleton.get(), probes()[i]));
        if (link == nullptr) {
            state.why = fmt::format("cannot attach: {}", errno_text(errno));
            continue;
        }
        tracer->programs_->links.push_back(link);
        state.attached = true;
        any = any || probes()[i].completes;
    }
    if (!any)
        return fail("none of the tracepoints can be attached; daxtrace doctor says why");
    if (measure_cost && (tracer->programs_->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME)) < 0)
        return fail("--cost: the kernel does not measure BPF programs: {}", errno_text(errno));
    return tracer;
}

Result<void> Tracer::follow(int pidfd) {
    // The state of a task, of which only the first member is ours to set.
    std::vector<std::byte> state(bpf_map__value_size(programs_->skeleton->maps.tasks));
    const __u64 followed = 1;
    std::memcpy(state.data(), &followed, sizeof followed);
    if (bpf_map_update_elem(bpf_map__fd(programs_->skeleton->maps.tasks), &pidfd, state.data(), BPF_NOEXIST) != 0)
        return fail("cannot follow the command: {}", errno_text(errno));
    return {};
}

void Tracer::start() {
    __atomic_store_n(&programs_->skeleton->bss->enabled, 1, __ATOMIC_RELEASE);
}

void Tracer::stop() {
    __atomic_store_n(&programs_->skeleton->bss->enabled, 0, __ATOMIC_RELEASE);
    programs_->detach();
}

Result<void> Tracer::read(Summary& summary) const {
    const daxtrace_bpf* skeleton = programs_->skeleton.get();
    for (__u32 id = 0; id < DAXTRACE_OP_COUNT; ++id) {
        DAXFS_TRY_ASSIGN(const auto values, per_cpu<daxtrace_op>(skeleton->maps.ops, id));
        summary.ops[id] = sum_op(values);
    }
    DAXFS_TRY_ASSIGN(const auto values, per_cpu<daxtrace_totals>(skeleton->maps.totals, 0));
    summary.totals = sum_totals(values);
    summary.kernel_missed = 0;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (!states_[i].attached)
            continue;
        DAXFS_TRY_ASSIGN(const bpf_prog_info info, program_info(program_of(skeleton, probes()[i])));
        if (probes()[i].completes)
            summary.kernel_missed += info.recursion_misses;
        if (programs_->stats_fd >= 0)
            summary.cost.push_back({states_[i].name, info.run_cnt, info.run_time_ns});
    }
    summary.probes = states_;
    return {};
}

std::string take_libbpf_log() {
    return std::exchange(libbpf_log(), {});
}

std::string try_probe(const KernelBtf& btf, const Probe& probe) {
    if (std::string why = btf.why_not(probe); !why.empty())
        return why;
    std::vector<ProbeState> states;
    for (const Probe& other : probes())
        states.push_back({other.tracepoint, false, other.tracepoint == probe.tracepoint ? "" : "not asked for"});
    const auto skeleton = load(states, {});
    if (!skeleton)
        return skeleton.error().message;
    bpf_link* link = bpf_program__attach(program_of(skeleton->get(), probe));
    if (link == nullptr)
        return fmt::format("cannot attach: {}", errno_text(errno));
    bpf_link__destroy(link);
    return {};
}

std::vector<std::string> missing_notes(const std::vector<ProbeState>& states) {
    std::vector<std::string> notes;
    for (const ProbeGroup group : {ProbeGroup::kIomap, ProbeGroup::kFsDax, ProbeGroup::kDaxfs, ProbeGroup::kProcess}) {
        std::string names;
        std::string why;
        std::size_t missing = 0;
        std::size_t total = 0;
        for (std::size_t i = 0; i < states.size(); ++i) {
            if (probes()[i].group != group)
                continue;
            ++total;
            if (states[i].attached || states[i].why.starts_with("not needed"))
                continue;
            ++missing;
            why = states[i].why;
            names += (names.empty() ? "" : ", ") + states[i].name;
        }
        if (missing == total)
            notes.push_back(fmt::format("without {} ({}): {}", group_gives(group), group_name(group), why));
        else if (missing != 0)
            notes.push_back(fmt::format("some of {} are missing ({}): {}", group_gives(group), names, why));
    }
    return notes;
}

}  // namespace daxfs::trace
