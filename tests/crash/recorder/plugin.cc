// SPDX-License-Identifier: GPL-2.0-or-later
// A TCG plugin of QEMU that records what a guest does to its persistent memory.
//
//   -plugin recorder.so,image=FILE,traces=DIRECTORY,start=PHYSICAL,kernel=TEXT
//
// The guest boots untouched: until it arms the recorder (guest/mark.h), only marks are looked for. It arms with the
// name of a trace, DIRECTORY/NAME.trace, and of the module, and may do so many times, one after the other. From then on
// every store is looked at; those whose physical address lies in [start, start + size of FILE) are recorded, with the
// bytes that QEMU says were stored. Flushes raise no memory event, so their operand is decoded and read from the
// registers; its physical address follows from the last store to the same page: in the kernel's linear mapping by one
// offset, elsewhere page by page. At the end the device as it really is goes into the trace as hashes: a reader that
// replays the records must come to the same.
//
// With several processors, and between two marks, the turn passes to the next one at random stores, flushes and fences:
// seeded, so that a schedule can be had again.
//
// Works with -accel tcg,thread=single alone: one thread calls everything here.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/crash/recorder/decode.h"
#include "tests/crash/recorder/qemu_plugin_api.h"
#include "tests/crash/trace/format.h"

namespace daxfs::crash {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kMaxStore = 64 * 1024;  // bytes of one record
constexpr std::size_t kMaxMark = 512;
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "crash recorder: %s\n", what.c_str());
    std::_Exit(1);
}

struct Settings {
    std::string image, traces, kernel;
    std::uint64_t start = 0;
};

// The trace file. Stores that continue the one before become one record.
class Writer {
  public:
    void open(const std::string& path, const Header& header) {
        file_ = std::fopen(path.c_str(), "wb");
        if (file_ == nullptr)
            die("cannot write " + path);
        put(&header, sizeof header);
    }

    void store(Kind kind, std::uint8_t cpu, std::uint64_t offset, std::uint64_t pc, const void* bytes,
               std::uint32_t count) {
        const bool continues = open_.kind == kind && open_.cpu == cpu && open_.offset + payload_.size() == offset &&
                               (offset % kWord == 0 || open_.pc == pc) && payload_.size() + count <= kMaxStore;
        if (!continues) {
            close_store();
            open_ = {.kind = kind, .detail = 0, .cpu = cpu, .reserved = 0, .bytes = 0, .offset = offset, .pc = pc};
        }
        const auto* first = static_cast<const std::uint8_t*>(bytes);
        payload_.insert(payload_.end(), first, first + count);
    }

    void event(Kind kind, std::uint8_t detail, std::uint8_t cpu, std::uint64_t offset, std::uint64_t pc,
               const void* payload = nullptr, std::uint32_t count = 0) {
        close_store();
        write({.kind = kind, .detail = detail, .cpu = cpu, .reserved = 0, .bytes = count, .offset = offset, .pc = pc},
              payload);
    }

    void close() {
        if (file_ != nullptr && std::fclose(file_) != 0)
            die("cannot write the trace");
        file_ = nullptr;
    }

  private:
    void put(const void* bytes, std::size_t count) {
        if (bytes != nullptr && count != 0 && std::fwrite(bytes, count, 1, file_) != 1)
            die("cannot write the trace");
    }

    void write(const Record& record, const void* payload) {
        static constexpr char kZeros[8] = {};
        put(&record, sizeof record);
        put(payload, record.bytes);
        put(kZeros, padded(record.bytes) - record.bytes);
    }

    void close_store() {
        if (payload_.empty())
            return;
        open_.bytes = static_cast<std::uint32_t>(payload_.size());
        write(open_, payload_.data());
        payload_.clear();
        open_ = {};
    }

    std::FILE* file_ = nullptr;
    Record open_{};
    std::vector<std::uint8_t> payload_;
};

// What the interface tells with thread=single is the processor that translated the code.
unsigned running() {
    static const CPUState* const kSecond = qemu_get_cpu(1);
    return kSecond != nullptr && current_cpu == kSecond ? 1 : 0;
}

// When the turn passes.
class Turns {
  public:
    void begin(std::uint64_t seed) {
        random_ = seed * 0x9e3779b97f4a7c15u + 1;
        // Schedules of many and of few turns.
        device_odds_ = 2u << seed % 5;
        other_odds_ = 32u << seed / 5 % 5;
        on_ = true;
        one_insn_per_tb = true;  // so that it passes at once
        cpu_exit(current_cpu);
    }
    void end() { one_insn_per_tb = on_ = false; }
    void at_device() { pass(device_odds_); }
    void at_other() { pass(other_odds_); }

  private:
    void pass(std::uint32_t odds) {
        if (!on_)
            return;
        random_ = random_ * 6364136223846793005u + 1442695040888963407u;
        if ((random_ >> 33) % odds == 0)
            cpu_exit(current_cpu);
    }

    bool on_ = false;
    std::uint64_t random_ = 0;
    std::uint32_t device_odds_ = 1, other_odds_ = 1;  // one of so many stores to the device, and elsewhere
};

// An instruction that does more than store. Lives as long as the emulator: translated blocks point to it.
struct Instruction {
    std::uint64_t pc = 0;
    std::uint8_t length = 0;
    Decoded decoded;
};

class Recorder {
  public:
    bool install(qemu_plugin_id_t id, int count, char** arguments);
    void translate(qemu_plugin_tb* block);
    void find_registers();
    void on_store(unsigned cpu, qemu_plugin_meminfo_t info, std::uint64_t address, std::uint64_t pc, bool nt);
    void on_flush(unsigned cpu, const Instruction& instruction);
    void on_fence(unsigned cpu, const Instruction& instruction);
    void on_mark(unsigned cpu, std::uint64_t address);
    void at_exit();
    void register_callbacks();

  private:
    void arm(const std::string& text);
    void end();
    void map_image();
    std::uint64_t read_register(std::uint8_t number);
    bool flushed_address(const Instruction& instruction, std::uint64_t& address);
    // Of a byte on the device, or kOutside.
    std::uint64_t device_offset(std::uint64_t address) const;
    void learn(std::uint64_t address, std::uint64_t physical);
    void store_part(unsigned cpu, qemu_plugin_meminfo_t info, std::uint64_t address, std::uint64_t pc, bool nt,
                    const std::uint8_t* bytes, std::uint32_t count);

    static constexpr std::uint64_t kOutside = ~std::uint64_t{0};

    qemu_plugin_id_t id_ = 0;
    Settings settings_;
    Writer writer_;
    Turns turns_;
    bool armed_ = false;
    const std::uint8_t* image_ = nullptr;
    std::uint64_t image_bytes_ = 0;
    std::array<qemu_plugin_register*, 16> registers_{};
    GByteArray* scratch_ = nullptr;
    std::deque<Instruction> instructions_;
    std::uint64_t linear_offset_ = kOutside;                       // virtual minus physical, in the kernel
    std::unordered_map<std::uint64_t, std::uint64_t> user_pages_;  // virtual page to physical page
    std::uint64_t unknown_flushes_ = 0;
};

Recorder* recorder;

void store_plain(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void* pc) {
    recorder->on_store(running(), info, address, reinterpret_cast<std::uint64_t>(pc), false);
}
void store_non_temporal(unsigned, qemu_plugin_meminfo_t info, std::uint64_t address, void* pc) {
    recorder->on_store(running(), info, address, reinterpret_cast<std::uint64_t>(pc), true);
}
void flush(unsigned, void* instruction) {
    recorder->on_flush(running(), *static_cast<Instruction*>(instruction));
}
void fence(unsigned, void* instruction) {
    recorder->on_fence(running(), *static_cast<Instruction*>(instruction));
}
void mark(unsigned, qemu_plugin_meminfo_t, std::uint64_t address, void*) {
    recorder->on_mark(running(), address);
}
void translate(qemu_plugin_id_t, qemu_plugin_tb* block) {
    recorder->translate(block);
}
void vcpu_ready(qemu_plugin_id_t, unsigned) {
    recorder->find_registers();
}
void at_exit(qemu_plugin_id_t, void*) {
    recorder->at_exit();
}
void after_reset(qemu_plugin_id_t) {
    recorder->register_callbacks();
}

bool Recorder::install(qemu_plugin_id_t id, int count, char** arguments) {
    id_ = id;
    for (int i = 0; i < count; ++i) {
        const std::string_view word = arguments[i];
        const std::size_t equals = word.find('=');
        const std::string_view key = word.substr(0, equals);
        const std::string value(equals == std::string_view::npos ? "" : word.substr(equals + 1));
        if (key == "image")
            settings_.image = value;
        else if (key == "traces")
            settings_.traces = value;
        else if (key == "kernel")
            settings_.kernel = value;
        else if (key == "start")
            settings_.start = std::strtoull(value.c_str(), nullptr, 0);
        else
            return false;
    }
    qemu_plugin_register_vcpu_init_cb(id, vcpu_ready);
    register_callbacks();
    return !settings_.image.empty() && !settings_.traces.empty() && settings_.start != 0;
}

void Recorder::register_callbacks() {
    qemu_plugin_register_vcpu_tb_trans_cb(id_, crash::translate);
    qemu_plugin_register_atexit_cb(id_, crash::at_exit, nullptr);
}

void Recorder::find_registers() {
    static constexpr const char* kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                               "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    const GArray* all = qemu_plugin_get_registers();
    for (unsigned i = 0; i < all->len; ++i)
        for (std::size_t number = 0; number < registers_.size(); ++number)
            if (std::strcmp(all->data[i].name, kNames[number]) == 0)
                registers_[number] = all->data[i].handle;
    scratch_ = g_byte_array_new();
}

void Recorder::translate(qemu_plugin_tb* block) {
    const std::size_t count = qemu_plugin_tb_n_insns(block);
    for (std::size_t i = 0; i < count; ++i) {
        qemu_plugin_insn* insn = qemu_plugin_tb_get_insn(block, i);
        std::uint8_t bytes[15];
        const std::size_t length = std::min<std::size_t>(qemu_plugin_insn_size(insn), sizeof bytes);
        qemu_plugin_insn_data(insn, bytes, length);
        const Decoded decoded = decode({bytes, length});
        if (decoded.action == Action::kMark) {
            qemu_plugin_register_vcpu_mem_cb(insn, mark, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, nullptr);
            continue;
        }
        if (!armed_)
            continue;
        const std::uint64_t pc = qemu_plugin_insn_vaddr(insn);
        if (decoded.action == Action::kFlush || decoded.action == Action::kFence) {
            instructions_.push_back({pc, static_cast<std::uint8_t>(length), decoded});
            const bool is_flush = decoded.action == Action::kFlush;
            qemu_plugin_register_vcpu_insn_exec_cb(insn, is_flush ? flush : fence,
                                                   is_flush ? QEMU_PLUGIN_CB_R_REGS : QEMU_PLUGIN_CB_NO_REGS,
                                                   &instructions_.back());
            continue;
        }
        qemu_plugin_register_vcpu_mem_cb(insn, decoded.action == Action::kNtStore ? store_non_temporal : store_plain,
                                         QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, reinterpret_cast<void*>(pc));
    }
}

std::uint64_t Recorder::device_offset(std::uint64_t address) const {
    std::uint64_t physical;
    if (address >= kKernelHalf) {
        if (linear_offset_ == kOutside)
            return kOutside;
        physical = address - linear_offset_;
    } else {
        const auto page = user_pages_.find(address / kPage);
        if (page == user_pages_.end())
            return kOutside;
        physical = page->second * kPage + address % kPage;
    }
    const std::uint64_t offset = physical - settings_.start;
    return offset < image_bytes_ ? offset : kOutside;
}

void Recorder::learn(std::uint64_t address, std::uint64_t physical) {
    const bool ours = physical - settings_.start < image_bytes_;
    if (address < kKernelHalf) {
        // A page that is not ours any more must not be taken for the one that was.
        if (ours)
            user_pages_[address / kPage] = physical / kPage;
        else if (!user_pages_.empty())
            user_pages_.erase(address / kPage);
    } else if (ours && linear_offset_ == kOutside) {
        linear_offset_ = address - physical;
    } else if (ours && linear_offset_ != address - physical) {
        die("the kernel reaches the device through two mappings");
    }
}

// `count` bytes inside one page.
void Recorder::store_part(unsigned cpu, qemu_plugin_meminfo_t info, std::uint64_t address, std::uint64_t pc, bool nt,
                          const std::uint8_t* bytes, std::uint32_t count) {
    const qemu_plugin_hwaddr* where = qemu_plugin_get_hwaddr(info, address);
    if (where == nullptr || qemu_plugin_hwaddr_is_io(where))
        return;
    const std::uint64_t physical = qemu_plugin_hwaddr_phys_addr(where);
    learn(address, physical);
    const std::uint64_t offset = physical - settings_.start;
    if (offset >= image_bytes_)
        return;
    turns_.at_device();
    writer_.store(nt ? Kind::kNtStore : Kind::kStore, static_cast<std::uint8_t>(cpu), offset, pc, bytes, count);
}

void Recorder::on_store(unsigned cpu, qemu_plugin_meminfo_t info, std::uint64_t address, std::uint64_t pc, bool nt) {
    if (!armed_ || !qemu_plugin_mem_is_store(info))
        return;
    turns_.at_other();
    // Most stores of the kernel go elsewhere in its half, and their physical address need not be asked for.
    if (address >= kKernelHalf && linear_offset_ != kOutside &&
        address - linear_offset_ - settings_.start + 64 >= image_bytes_ + 64)
        return;
    const qemu_plugin_mem_value value = qemu_plugin_mem_get_value(info);
    const std::uint32_t count = 1u << value.type;
    std::uint8_t bytes[16];
    std::memcpy(bytes, &value.data, sizeof bytes);
    const auto first = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, kPage - address % kPage));
    store_part(cpu, info, address, pc, nt, bytes, first);
    if (first < count)
        store_part(cpu, info, address + first, pc, nt, bytes + first, count - first);
}

std::uint64_t Recorder::read_register(std::uint8_t number) {
    std::uint64_t value = 0;
    g_byte_array_set_size(scratch_, 0);
    if (registers_[number] == nullptr || qemu_plugin_read_register(registers_[number], scratch_) < 8)
        die("cannot read a register");
    std::memcpy(&value, scratch_->data, sizeof value);
    return value;
}

bool Recorder::flushed_address(const Instruction& instruction, std::uint64_t& address) {
    const Operand& operand = instruction.decoded.operand;
    if (operand.segment != Operand::Segment::kFlat)
        return false;
    address = static_cast<std::uint64_t>(std::int64_t{operand.displacement});
    if (operand.base == Operand::kRip)
        address += instruction.pc + instruction.length;
    else if (operand.base != Operand::kNone)
        address += read_register(operand.base);
    if (operand.index != Operand::kNone)
        address += read_register(operand.index) << operand.scale_shift;
    return true;
}

void Recorder::on_flush(unsigned cpu, const Instruction& instruction) {
    std::uint64_t address = 0;
    if (!armed_)
        return;
    turns_.at_device();
    if (!flushed_address(instruction, address)) {
        ++unknown_flushes_;
        return;
    }
    // A line that no store was seen to has nothing to lose.
    const std::uint64_t offset = device_offset(address);
    if (offset != kOutside)
        writer_.event(Kind::kFlush, instruction.decoded.detail, static_cast<std::uint8_t>(cpu), offset / kLine * kLine,
                      instruction.pc);
}

void Recorder::on_fence(unsigned cpu, const Instruction& instruction) {
    if (!armed_)
        return;
    turns_.at_device();
    writer_.event(Kind::kFence, instruction.decoded.detail, static_cast<std::uint8_t>(cpu), 0, instruction.pc);
}

void Recorder::on_mark(unsigned cpu, std::uint64_t address) {
    std::uint64_t words[2];  // kind, bytes of text; the text follows
    if (!qemu_plugin_read_memory_vaddr(address, scratch_, sizeof words))
        die("cannot read a mark");
    std::memcpy(words, scratch_->data, sizeof words);
    g_byte_array_set_size(scratch_, 0);
    const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(words[1], kMaxMark));
    if (length != 0 && !qemu_plugin_read_memory_vaddr(address + sizeof words, scratch_, length))
        die("cannot read a mark's text");
    const auto kind = static_cast<Mark>(words[0]);
    if (kind == Mark::kArm)
        arm({reinterpret_cast<const char*>(scratch_->data), length});
    else if (kind == Mark::kEnd)
        end();
    else if (kind == Mark::kInterleave)
        turns_.begin(
            std::strtoull(std::string(reinterpret_cast<const char*>(scratch_->data), length).c_str(), nullptr, 10));
    else if (kind == Mark::kDone)
        turns_.end();
    if (armed_ && kind != Mark::kArm)
        writer_.event(Kind::kMark, static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(cpu), 0, 0,
                      scratch_->data, length);
}

void Recorder::map_image() {
    const int file = ::open(settings_.image.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0)
        die("cannot open " + settings_.image);
    image_bytes_ = static_cast<std::uint64_t>(status.st_size);
    void* mapped = mmap(nullptr, image_bytes_, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED || image_bytes_ % kHashBlock != 0)
        die("cannot map " + settings_.image);
    image_ = static_cast<const std::uint8_t*>(mapped);
}

// `text`: "TRACE MODULE"
void Recorder::arm(const std::string& text) {
    const std::string name = text.substr(0, text.find(' '));
    if (armed_ || name.empty() || name.find('/') != std::string::npos)
        die("cannot record '" + text + "'");
    if (image_ == nullptr)
        map_image();
    const std::string path = settings_.traces + "/" + name + ".trace";
    std::FILE* base = std::fopen((path + ".base").c_str(), "wb");
    if (base == nullptr || std::fwrite(image_, image_bytes_, 1, base) != 1 || std::fclose(base) != 0)
        die("cannot write " + path + ".base");
    Header header{};
    std::memcpy(header.magic, kTraceMagic, sizeof header.magic);
    header.version = kTraceVersion;
    header.header_bytes = sizeof header;
    header.device_bytes = image_bytes_;
    header.base_hash = hash_bytes(image_, image_bytes_);
    std::snprintf(header.kernel, sizeof header.kernel, "%s", settings_.kernel.c_str());
    std::snprintf(header.module, sizeof header.module, "%s",
                  text.substr(std::min(name.size() + 1, text.size())).c_str());
    user_pages_.clear();
    writer_.open(path, header);
    armed_ = true;
    // Everything is translated anew, with every store looked at.
    qemu_plugin_reset(id_, after_reset);
}

void Recorder::end() {
    if (!armed_)
        return;
    armed_ = false;
    if (unknown_flushes_ != 0)
        die(std::to_string(unknown_flushes_) + " flushes through fs or gs");
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t offset = 0; offset < image_bytes_; offset += kHashBlock)
        hashes.push_back(hash_bytes(image_ + offset, kHashBlock));
    writer_.event(Kind::kEnd, 0, 0, 0, 0, hashes.data(), static_cast<std::uint32_t>(hashes.size() * sizeof hashes[0]));
    writer_.close();
    qemu_plugin_reset(id_, after_reset);
}

// A guest that ended without saying so leaves a trace without kEnd, which no reader takes.
void Recorder::at_exit() {
    writer_.close();
}

}  // namespace
}  // namespace daxfs::crash

extern "C" {

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 4;

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int count,
                                                               char** arguments) {
    if (std::strcmp(info->target_name, "x86_64") != 0 || !info->system_emulation)
        return -1;
    daxfs::crash::recorder = new daxfs::crash::Recorder;
    if (daxfs::crash::recorder->install(id, count, arguments))
        return 0;
    std::fputs("crash recorder: usage: image=FILE,traces=DIRECTORY,start=PHYSICAL[,kernel=TEXT]\n", stderr);
    return -1;
}

}  // extern "C"
