// SPDX-License-Identifier: GPL-2.0-or-later
// A TCG plugin of QEMU that records what operations of many processors share, see recording.h and mark.h.
//
//   -plugin recorder.so,symbols=FILE,traces=PREFIX
//
// FILE is the guest's own /proc/kallsyms, which it shares before the first mark. The Nth recording goes to
// PREFIX.N.trace, from 0. The guest boots untouched: until the first mark nothing else is looked for. Works with -accel
// tcg,thread=single: one thread calls everything here. The processors take turns; what others do while one works is not
// recorded.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tests/bench/arguments.h"
#include "tests/bench/profile/symbols.h"
#include "tests/crash/recorder/decode.h"
#include "tests/crash/recorder/qemu_plugin_api.h"
#include "tests/scale/mark.h"
#include "tests/scale/model/locks.h"
#include "tests/scale/model/recording.h"

namespace daxfs::scale {
namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;
constexpr std::uint64_t kPage = 4096;

struct Instruction {
    const bench::Function* function = nullptr;
    bool helper = false;  // of a function that works for its caller
    bool entry = false;   // the first of such a function
    std::optional<Step> step;
};

struct State {
    qemu_plugin_id_t id = 0;
    std::string symbols_path, prefix;
    std::optional<bench::Symbols> symbols;
    std::map<std::uint64_t, std::string> data;  // static data of the kernel
    std::unordered_map<std::uint64_t, Instruction> instructions;
    qemu_plugin_register *first_argument = nullptr, *stack = nullptr;
    GByteArray* scratch = nullptr;
    std::unique_ptr<Recording> recording;
    unsigned recordings = 0;
    // Of the operation under way:
    bool active = false;
    const CPUState* processor = nullptr;
    std::uint32_t time = 0;
    bool interrupted = false, slept = false, flushed = false;
    const std::string* caller = nullptr;  // of the function that works for it
};

State state;

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "scale: %s\n", what.c_str());
    // What an emulator says is not always shown.
    std::ofstream(state.prefix + ".error") << what << '\n';
    std::_Exit(1);
}

// With thread=single the index that a call gets is that of the processor which translated the block.
bool is_ours() {
    return state.active && current_cpu == state.processor;
}

// ---- what the operation does ----

void on_instruction(unsigned, void*) {
    if (is_ours())
        ++state.time;
}

void on_access(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void* data) {
    const auto& instruction = *static_cast<const Instruction*>(data);
    if (!is_ours() || address < kKernelHalf)
        return;
    const bool for_caller = instruction.helper && state.caller != nullptr;
    state.recording->access(state.time, address, qemu_plugin_mem_is_store(info),
                            for_caller ? *state.caller : instruction.function->name);
}

std::uint64_t word_at(std::uint64_t address) {
    std::uint64_t word = 0;
    g_byte_array_set_size(state.scratch, 0);
    if (!qemu_plugin_read_memory_vaddr(address, state.scratch, sizeof word))
        die("cannot read the stack");
    std::memcpy(&word, state.scratch->data, sizeof word);
    return word;
}

std::uint64_t value_of(qemu_plugin_register* handle) {
    std::uint64_t word = 0;
    g_byte_array_set_size(state.scratch, 0);
    if (handle == nullptr || qemu_plugin_read_register(handle, state.scratch) < static_cast<int>(sizeof word))
        die("cannot read a register");
    std::memcpy(&word, state.scratch->data, sizeof word);
    return word;
}

void on_entry(unsigned, void* data) {
    const auto& instruction = *static_cast<const Instruction*>(data);
    if (!is_ours())
        return;
    const bench::Function& caller = state.symbols->at(word_at(value_of(state.stack)));
    // One helper calls another: it is still for the first one's caller.
    if (!works_for_caller(caller.name))
        state.caller = &caller.name;
    if (instruction.step)
        state.recording->lock(state.time, *instruction.step, value_of(state.first_argument),
                              state.caller != nullptr ? *state.caller : caller.name);
}

void on_interrupt(unsigned, void*) {
    state.interrupted |= is_ours();
}

void on_switch(unsigned, void*) {
    state.slept |= is_ours();
}

void on_flush(unsigned, void*) {
    state.flushed |= is_ours();
}

// One that waits for nothing costs no more than any instruction.
void on_fence(unsigned, void*) {
    if (is_ours() && state.flushed) {
        state.recording->fence(state.time);
        state.flushed = false;
    }
}

// ---- marks ----

void register_callbacks();

void retranslated(qemu_plugin_id_t) {
    register_callbacks();
}

void read_data_symbols() {
    std::ifstream file(state.symbols_path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::uint64_t address = 0;
        char type = 0;
        std::string name;
        if (words >> std::hex >> address >> type >> name &&
            std::string_view("bBdDrR").find(type) != std::string_view::npos && address >= kKernelHalf)
            state.data.emplace(address, name);
    }
}

std::string symbol_of(std::uint64_t address) {
    const auto behind = state.data.upper_bound(address);
    if (behind == state.data.begin() || address - std::prev(behind)->first >= kPage)
        return "";
    return std::prev(behind)->second;
}

void on_recording(unsigned, void*) {
    if (state.recording)
        die("a recording begins in another");
    state.recording = std::make_unique<Recording>();
    if (state.symbols)
        return;
    std::ifstream file(state.symbols_path);
    state.symbols.emplace(file);
    if (state.symbols->empty())
        die(state.symbols_path + ": names no functions");
    read_data_symbols();
    // Everything is translated anew, with each instruction looked at.
    qemu_plugin_reset(state.id, retranslated);
}

void begin_operation() {
    state.recording->begin_operation();
    state.time = 0;
    state.interrupted = state.slept = state.flushed = false;
    state.caller = nullptr;
}

unsigned index_of(const CPUState* processor) {
    int index = 0;
    while (qemu_get_cpu(index) != processor)
        ++index;
    return static_cast<unsigned>(index);
}

void on_task(unsigned, void*) {
    if (!state.recording || state.active)
        die("a task begins outside a recording, or in another task");
    state.active = true;
    state.processor = current_cpu;
    state.recording->begin_task(index_of(current_cpu));
    begin_operation();
}

void on_operation(unsigned, void*) {
    if (!is_ours())
        die("an operation ends on another processor");
    state.recording->end_operation(state.time, state.interrupted, state.slept);
    begin_operation();
}

void on_task_end(unsigned, void*) {
    if (!is_ours())
        die("a task ends on another processor");
    state.recording->end_operation(state.time, state.interrupted, state.slept);
    state.active = false;
}

void on_write(unsigned, void*) {
    if (!state.recording || state.active)
        die("no recording is to be written");
    const std::string path = state.prefix + "." + std::to_string(state.recordings++) + ".trace";
    std::ofstream file(path);
    write_trace(state.recording->shared(symbol_of), file);
    file.close();
    if (!file)
        die("cannot write " + path);
    state.recording.reset();
}

// ---- translation ----

// nopl MARK(%rax)
std::uint32_t mark_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t mark = 0;
    if (bytes.size() == 7 && bytes[0] == 0x0f && bytes[1] == 0x1f && bytes[2] == 0x80)
        std::memcpy(&mark, &bytes[3], sizeof mark);
    return mark;
}

qemu_plugin_vcpu_udata_cb_t call_of_mark(std::uint32_t mark) {
    switch (mark) {
        case kMarkRecording:
            return on_recording;
        case kMarkTask:
            return on_task;
        case kMarkOperation:
            return on_operation;
        case kMarkTaskEnd:
            return on_task_end;
        case kMarkWrite:
            return on_write;
        default:
            return nullptr;
    }
}

const Instruction& describe(std::uint64_t pc) {
    Instruction& instruction = state.instructions[pc];
    instruction.function = &state.symbols->at(pc);
    instruction.helper = works_for_caller(instruction.function->name);
    instruction.entry = instruction.helper && pc == instruction.function->start;
    if (instruction.entry)
        instruction.step = lock_step(instruction.function->name);
    return instruction;
}

void watch(qemu_plugin_insn* insn, std::span<const std::uint8_t> bytes) {
    const std::uint64_t pc = qemu_plugin_insn_vaddr(insn);
    const Instruction& instruction = describe(pc);
    void* data = const_cast<Instruction*>(&instruction);
    const bench::Function& function = *instruction.function;
    const auto at_run = [insn, data](qemu_plugin_vcpu_udata_cb_t call, qemu_plugin_cb_flags flags) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, call, flags, data);
    };
    at_run(on_instruction, QEMU_PLUGIN_CB_NO_REGS);
    if (function.user)
        return;
    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, data);
    if (instruction.entry)
        at_run(on_entry, QEMU_PLUGIN_CB_R_REGS);
    if (function.entry == bench::Function::Entry::kInterrupt)
        at_run(on_interrupt, QEMU_PLUGIN_CB_NO_REGS);
    if (function.name == "__switch_to_asm")
        at_run(on_switch, QEMU_PLUGIN_CB_NO_REGS);
    const crash::Action action = crash::decode(bytes).action;
    if (action == crash::Action::kFlush || action == crash::Action::kNtStore)
        at_run(on_flush, QEMU_PLUGIN_CB_NO_REGS);
    if (action == crash::Action::kFence)
        at_run(on_fence, QEMU_PLUGIN_CB_NO_REGS);
}

void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        std::uint8_t buffer[15];
        const std::size_t length = std::min<std::size_t>(qemu_plugin_insn_size(insn), sizeof buffer);
        qemu_plugin_insn_data(insn, buffer, length);
        const std::span<const std::uint8_t> bytes(buffer, length);
        if (state.symbols)
            watch(insn, bytes);
        if (const auto call = call_of_mark(mark_of(bytes)); call != nullptr)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, call, QEMU_PLUGIN_CB_NO_REGS, nullptr);
    }
}

void register_callbacks() {
    qemu_plugin_register_vcpu_tb_trans_cb(state.id, translate);
}

void processor_ready(qemu_plugin_id_t, unsigned) {
    if (state.stack != nullptr)
        return;
    const GArray* all = qemu_plugin_get_registers();
    for (unsigned i = 0; i < all->len; ++i) {
        if (std::strcmp(all->data[i].name, "rdi") == 0)
            state.first_argument = all->data[i].handle;
        if (std::strcmp(all->data[i].name, "rsp") == 0)
            state.stack = all->data[i].handle;
    }
}

bool set(std::string_view key, const std::string& value) {
    if (key == "symbols")
        state.symbols_path = value;
    else if (key == "traces")
        state.prefix = value;
    else
        return false;
    return true;
}

}  // namespace
}  // namespace daxfs::scale

extern "C" {

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 4;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int count,
                                                               char** arguments) {
    using daxfs::scale::state;
    bool good = std::strcmp(info->target_name, "x86_64") == 0 && info->system_emulation;
    good = good && daxfs::bench::set_arguments({arguments, static_cast<std::size_t>(count)}, daxfs::scale::set);
    if (!good || state.symbols_path.empty() || state.prefix.empty()) {
        std::fputs("scale: usage: symbols=FILE,traces=PREFIX\n", stderr);
        return -1;
    }
    state.id = id;
    state.scratch = g_byte_array_new();
    qemu_plugin_register_vcpu_init_cb(id, daxfs::scale::processor_ready);
    daxfs::scale::register_callbacks();
    return 0;
}

}  // extern "C"
