// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/crash/recorder/decode.h"

#include <algorithm>
#include <cstring>

namespace daxfs::crash {
namespace {

class Bytes {
  public:
    explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    // 0 behind the end: no instruction looked for here ends in a missing byte.
    std::uint8_t peek(std::size_t ahead = 0) const { return at_ + ahead < bytes_.size() ? bytes_[at_ + ahead] : 0; }
    std::uint8_t take() {
        const std::uint8_t byte = peek();
        ++at_;
        return byte;
    }
    std::int32_t take_int32() {
        std::uint32_t value = 0;
        for (int shift = 0; shift < 32; shift += 8)
            value |= std::uint32_t{take()} << shift;
        return static_cast<std::int32_t>(value);
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

struct Prefixes {
    bool operand_size = false;  // 66
    bool repne = false;         // f2
    bool rep = false;           // f3
    std::uint8_t rex = 0;
    Operand::Segment segment = Operand::Segment::kFlat;
};

Prefixes take_prefixes(Bytes& bytes) {
    Prefixes prefixes;
    while (true) {
        switch (bytes.peek()) {
            case 0x66:
                prefixes.operand_size = true;
                break;
            case 0xf2:
                prefixes.repne = true;
                break;
            case 0xf3:
                prefixes.rep = true;
                break;
            case 0x64:
                prefixes.segment = Operand::Segment::kFs;
                break;
            case 0x65:
                prefixes.segment = Operand::Segment::kGs;
                break;
            case 0x26:
            case 0x2e:
            case 0x36:
            case 0x3e:
            case 0x67:
            case 0xf0:
                break;
            default:
                if ((bytes.peek() & 0xf0) == 0x40)
                    prefixes.rex = bytes.take();
                return prefixes;
        }
        bytes.take();
    }
}

struct ModRm {
    std::uint8_t mod, reg, rm;
};

ModRm split(std::uint8_t byte) {
    return {static_cast<std::uint8_t>(byte >> 6), static_cast<std::uint8_t>(byte >> 3 & 7),
            static_cast<std::uint8_t>(byte & 7)};
}

Operand take_operand(Bytes& bytes, ModRm modrm, const Prefixes& prefixes) {
    const auto extended = [&](unsigned number, unsigned rex_bit) {
        return static_cast<std::uint8_t>(number | ((prefixes.rex & rex_bit) != 0 ? 8u : 0u));
    };
    Operand operand;
    operand.segment = prefixes.segment;
    bool wide = modrm.mod == 2;
    if (modrm.rm == 4) {
        const ModRm sib = split(bytes.take());
        operand.scale_shift = sib.mod;
        if (const std::uint8_t index = extended(sib.reg, 2); index != 4)
            operand.index = index;
        if (sib.rm == 5 && modrm.mod == 0)
            wide = true;
        else
            operand.base = extended(sib.rm, 1);
    } else if (modrm.rm == 5 && modrm.mod == 0) {
        operand.base = Operand::kRip;
        wide = true;
    } else {
        operand.base = extended(modrm.rm, 1);
    }
    if (wide)
        operand.displacement = bytes.take_int32();
    else if (modrm.mod == 1)
        operand.displacement = static_cast<std::int8_t>(bytes.take());
    return operand;
}

// 0f ae: fences and flushes.
Decoded decode_group15(Bytes& bytes, const Prefixes& prefixes) {
    const ModRm modrm = split(bytes.take());
    const auto fence = [](Fence kind) { return Decoded{Action::kFence, static_cast<std::uint8_t>(kind), {}}; };
    if (modrm.mod == 3) {
        if (prefixes.operand_size || prefixes.rep || prefixes.repne)
            return {};
        return modrm.reg == 7 ? fence(Fence::kSfence) : modrm.reg == 6 ? fence(Fence::kMfence) : Decoded{};
    }
    const auto flush = [&](Flush kind) {
        return Decoded{Action::kFlush, static_cast<std::uint8_t>(kind), take_operand(bytes, modrm, prefixes)};
    };
    if (modrm.reg == 7)
        return flush(prefixes.operand_size ? Flush::kClflushopt : Flush::kClflush);
    if (modrm.reg == 6 && prefixes.operand_size)
        return flush(Flush::kClwb);
    return {};
}

// movntps/pd 2b, movnti c3, movntq/movntdq e7, maskmovq/maskmovdqu f7
bool is_non_temporal(std::uint8_t opcode) {
    return opcode == 0x2b || opcode == 0xc3 || opcode == 0xe7 || opcode == 0xf7;
}

// The VEX (c4, c5) and EVEX (62) forms of the same stores, in the 0f map.
bool is_vector_non_temporal(Bytes bytes) {
    const std::uint8_t form = bytes.take();
    if (form == 0xc5) {
        bytes.take();
    } else {
        const unsigned map = bytes.take() & (form == 0xc4 ? 0x1f : 0x07);
        if (map != 1)
            return false;
        bytes.take();
        if (form == 0x62)
            bytes.take();
    }
    const std::uint8_t opcode = bytes.take();
    // VMOVNTI does not exist; c3 with VEX is nothing that stores.
    return opcode != 0xc3 && is_non_temporal(opcode);
}

bool is_mark(std::span<const std::uint8_t> bytes) {
    std::uint32_t displacement;
    if (bytes.size() != 7 || bytes[0] != 0x48 || bytes[1] != 0x89 || bytes[2] != 0x83)
        return false;
    std::memcpy(&displacement, &bytes[3], sizeof displacement);
    return displacement == kMarkDisplacement;
}

}  // namespace

Decoded decode(std::span<const std::uint8_t> instruction) {
    if (is_mark(instruction))
        return {.action = Action::kMark};
    Bytes bytes(instruction);
    const Prefixes prefixes = take_prefixes(bytes);
    if (bytes.peek() == 0xc4 || bytes.peek() == 0xc5 || bytes.peek() == 0x62)
        return {.action = is_vector_non_temporal(bytes) ? Action::kNtStore : Action::kOther};
    if (bytes.take() != 0x0f)
        return {};
    const std::uint8_t opcode = bytes.take();
    if (opcode == 0xae)
        return decode_group15(bytes, prefixes);
    if (opcode == 0x09 && !prefixes.rep)
        return {Action::kFence, static_cast<std::uint8_t>(Fence::kWbinvd), {}};
    // f3 and f2 before e7 make conversions of registers.
    if (is_non_temporal(opcode) && !(opcode == 0xe7 && (prefixes.rep || prefixes.repne)))
        return {.action = Action::kNtStore};
    return {};
}

}  // namespace daxfs::crash
