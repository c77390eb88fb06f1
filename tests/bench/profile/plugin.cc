// SPDX-License-Identifier: GPL-2.0-or-later
// A TCG plugin of QEMU that counts the guest's instructions by call stack, between the marks of daxbench
// (cmd/daxbench/mark.h).
//
//   -plugin profiler.so,symbols=FILE,stacks=PREFIX
//
// FILE is the guest's own /proc/kallsyms, which it shares before the first mark. The stacks of the Nth pair of marks go
// to PREFIX.N.folded, from 0. The guest boots untouched: until a mark nothing else is looked for. Works with -accel
// tcg,thread=single and one processor alone: one thread calls everything here.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cmd/daxbench/mark.h"
#include "tests/bench/arguments.h"
#include "tests/bench/profile/stacks.h"
#include "tests/crash/recorder/qemu_plugin_api.h"

namespace daxfs::bench {
namespace {

constexpr std::uint64_t kStackBytes = 16384;  // of a kernel stack, aligned to itself

struct State {
    qemu_plugin_id_t id = 0;
    std::string symbols_path, prefix;
    std::optional<Symbols> symbols;
    std::unordered_map<std::uint64_t, Instruction> instructions;  // by address
    std::optional<Stacks> stacks;                                 // between two marks
    unsigned batches = 0;
};

State state;

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "profiler: %s\n", what.c_str());
    std::_Exit(1);
}

void on_instruction(unsigned, void* instruction) {
    if (state.stacks)
        state.stacks->step(*static_cast<const Instruction*>(instruction));
}

// __switch_to_asm pushes registers on the stack of the task that goes; behind the return of __switch_to, to which it
// jumps, runs the one that comes.
void on_switch_from(unsigned, qemu_plugin_meminfo_t, std::uint64_t address, void*) {
    if (state.stacks)
        state.stacks->name_task(address / kStackBytes);
}
void on_switch_to(unsigned, qemu_plugin_meminfo_t, std::uint64_t address, void*) {
    if (state.stacks)
        state.stacks->switch_task(address / kStackBytes);
}

void register_callbacks();

void retranslated(qemu_plugin_id_t) {
    register_callbacks();
}

void on_begin(unsigned, void*) {
    if (state.stacks)
        die("a batch begins in another");
    if (!state.symbols) {
        std::ifstream file(state.symbols_path);
        state.symbols.emplace(file);
        if (state.symbols->empty())
            die(state.symbols_path + ": names no functions");
    }
    state.stacks.emplace();
    // Everything is translated anew, with each instruction looked at.
    qemu_plugin_reset(state.id, retranslated);
}

void on_end(unsigned, void*) {
    if (!state.stacks)
        return;
    const std::string path = state.prefix + "." + std::to_string(state.batches++) + ".folded";
    std::ofstream file(path);
    state.stacks->write_folded(file);
    file.close();
    if (!file)
        die("cannot write " + path);
    state.stacks.reset();
    qemu_plugin_reset(state.id, retranslated);
}

// nopl MARK(%rax)
std::uint32_t mark_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t mark = 0;
    if (bytes.size() == 7 && bytes[0] == 0x0f && bytes[1] == 0x1f && bytes[2] == 0x80)
        std::memcpy(&mark, &bytes[3], sizeof mark);
    return mark;
}

bool is_push(std::span<const std::uint8_t> bytes) {
    return (bytes[bytes.size() > 1 && bytes[0] == 0x41 ? 1 : 0] & 0xf8) == 0x50;
}

void count(qemu_plugin_insn* insn, std::span<const std::uint8_t> bytes) {
    const std::uint64_t pc = qemu_plugin_insn_vaddr(insn);
    const Function& function = state.symbols->at(pc);
    const Transfer transfer = function.user ? Transfer::kNone : transfer_of(bytes);
    Instruction& instruction = state.instructions[pc];
    instruction = {pc, static_cast<std::uint32_t>(bytes.size()), transfer, &function};
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, QEMU_PLUGIN_CB_NO_REGS, &instruction);
    if (function.name == "__switch_to_asm" && is_push(bytes))
        qemu_plugin_register_vcpu_mem_cb(insn, on_switch_from, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, nullptr);
    if (function.name == "__switch_to" && transfer == Transfer::kReturn)
        qemu_plugin_register_vcpu_mem_cb(insn, on_switch_to, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_R, nullptr);
}

void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        std::uint8_t buffer[15];
        const std::size_t length = std::min<std::size_t>(qemu_plugin_insn_size(insn), sizeof buffer);
        qemu_plugin_insn_data(insn, buffer, length);
        const std::span<const std::uint8_t> bytes(buffer, length);
        if (state.stacks)
            count(insn, bytes);
        const std::uint32_t mark = mark_of(bytes);
        if (mark == kMarkBegin)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, QEMU_PLUGIN_CB_NO_REGS, nullptr);
        else if (mark == kMarkEnd)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, QEMU_PLUGIN_CB_NO_REGS, nullptr);
    }
}

void register_callbacks() {
    qemu_plugin_register_vcpu_tb_trans_cb(state.id, translate);
}

bool set(std::string_view key, const std::string& value) {
    if (key == "symbols")
        state.symbols_path = value;
    else if (key == "stacks")
        state.prefix = value;
    else
        return false;
    return true;
}

}  // namespace
}  // namespace daxfs::bench

extern "C" {

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 4;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int count,
                                                               char** arguments) {
    using daxfs::bench::state;
    bool good = std::strcmp(info->target_name, "x86_64") == 0 && info->system_emulation && info->system.max_vcpus == 1;
    good = good && daxfs::bench::set_arguments({arguments, static_cast<std::size_t>(count)}, daxfs::bench::set);
    if (!good || state.symbols_path.empty() || state.prefix.empty()) {
        std::fputs("profiler: usage, with one processor: symbols=FILE,stacks=PREFIX\n", stderr);
        return -1;
    }
    state.id = id;
    daxfs::bench::register_callbacks();
    return 0;
}

}  // extern "C"
