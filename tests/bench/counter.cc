// SPDX-License-Identifier: GPL-2.0-or-later
// A TCG plugin of QEMU that counts the bytes that a guest stores into its persistent memory.
//
//   -plugin counter.so,start=PHYSICAL,bytes=SIZE,counts=FILE
//
// The guest arms it with a text and ends it with the marks of tests/crash/guest/mark.h; each such pair adds a line
// "TEXT STORED" to FILE. Counted is every store whose physical address lies in the device, whoever makes it: data,
// zeros, metadata and journals. What stays in a CPU's cache in between, and is stored again, counts twice here, and
// once on a real device. Works with -accel tcg,thread=single alone: one thread calls everything here.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/bench/arguments.h"
#include "tests/crash/recorder/decode.h"
#include "tests/crash/recorder/qemu_plugin_api.h"
#include "tests/crash/trace/format.h"

namespace daxfs::bench {
namespace {

constexpr std::size_t kMaxMark = 512;

struct State {
    qemu_plugin_id_t id = 0;
    std::uint64_t start = 0, bytes = 0;
    std::string counts;
    bool armed = false;
    std::string text;
    std::uint64_t stored = 0;
    GByteArray* scratch = nullptr;
};

State state;

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "byte counter: %s\n", what);
    std::_Exit(1);
}

void on_store(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void*) {
    if (!state.armed || !qemu_plugin_mem_is_store(info))
        return;
    const qemu_plugin_hwaddr* where = qemu_plugin_get_hwaddr(info, address);
    if (where != nullptr && !qemu_plugin_hwaddr_is_io(where) &&
        qemu_plugin_hwaddr_phys_addr(where) - state.start < state.bytes)
        state.stored += std::uint64_t{1} << qemu_plugin_mem_get_value(info).type;
}

void register_callbacks();

void retranslated(qemu_plugin_id_t) {
    register_callbacks();
}

void end() {
    std::FILE* file = std::fopen(state.counts.c_str(), "a");
    if (file == nullptr ||
        std::fprintf(file, "%s %llu\n", state.text.c_str(), static_cast<unsigned long long>(state.stored)) < 0 ||
        std::fclose(file) != 0)
        die("cannot write the counts");
}

void on_mark(unsigned, qemu_plugin_meminfo_t, std::uint64_t address, void*) {
    std::uint64_t words[2];  // kind, bytes of text; the text follows
    if (!qemu_plugin_read_memory_vaddr(address, state.scratch, sizeof words))
        die("cannot read a mark");
    std::memcpy(words, state.scratch->data, sizeof words);
    const bool arms = static_cast<crash::Mark>(words[0]) == crash::Mark::kArm;
    if (!arms && static_cast<crash::Mark>(words[0]) != crash::Mark::kEnd)
        return;
    if (arms == state.armed)
        die("marks come in pairs");
    if (arms) {
        const auto length = static_cast<unsigned>(std::min<std::uint64_t>(words[1], kMaxMark));
        g_byte_array_set_size(state.scratch, 0);
        if (!qemu_plugin_read_memory_vaddr(address + sizeof words, state.scratch, length))
            die("cannot read a mark's text");
        state.text.assign(reinterpret_cast<const char*>(state.scratch->data), length);
        state.stored = 0;
    } else {
        end();
    }
    state.armed = arms;
    // Everything is translated anew, with stores looked at or not.
    qemu_plugin_reset(state.id, retranslated);
}

void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    for (std::size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        std::uint8_t bytes[15];
        const std::size_t length = std::min<std::size_t>(qemu_plugin_insn_size(insn), sizeof bytes);
        qemu_plugin_insn_data(insn, bytes, length);
        if (crash::decode({bytes, length}).action == crash::Action::kMark)
            qemu_plugin_register_vcpu_mem_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, nullptr);
        else if (state.armed)
            qemu_plugin_register_vcpu_mem_cb(insn, on_store, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, nullptr);
    }
}

void register_callbacks() {
    qemu_plugin_register_vcpu_tb_trans_cb(state.id, translate);
}

bool set(std::string_view key, const std::string& value) {
    if (key == "start")
        state.start = std::strtoull(value.c_str(), nullptr, 0);
    else if (key == "bytes")
        state.bytes = std::strtoull(value.c_str(), nullptr, 0);
    else if (key == "counts")
        state.counts = value;
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
    bool good = std::strcmp(info->target_name, "x86_64") == 0 && info->system_emulation;
    good = good && daxfs::bench::set_arguments({arguments, static_cast<std::size_t>(count)}, daxfs::bench::set);
    if (!good || state.start == 0 || state.bytes == 0 || state.counts.empty()) {
        std::fputs("byte counter: usage: start=PHYSICAL,bytes=SIZE,counts=FILE\n", stderr);
        return -1;
    }
    state.id = id;
    state.scratch = g_byte_array_new();
    daxfs::bench::register_callbacks();
    return 0;
}

}  // extern "C"
