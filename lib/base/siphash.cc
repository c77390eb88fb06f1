// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "lib/base/endian.h"

namespace daxfs {
namespace {

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    explicit SipState(const SipKey& key)
        : v0(key[0] ^ 0x736f6d6570736575),
          v1(key[1] ^ 0x646f72616e646f6d),
          v2(key[0] ^ 0x6c7967656e657261),
          v3(key[1] ^ 0x7465646279746573) {}

    void round() {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = std::rotl(v1, 17) ^ v2;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 = std::rotl(v2, 32);
    }

    void absorb(std::uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }

    std::uint64_t finish() {
        v2 ^= 0xff;
        for (int i = 0; i < 4; ++i)
            round();
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

}  // namespace

std::uint64_t siphash24(const SipKey& key, std::span<const std::byte> data) {
    SipState state(key);
    std::size_t done = 0;
    for (; done + 8 <= data.size(); done += 8) {
        std::uint64_t word;
        std::memcpy(&word, data.data() + done, sizeof(word));
        state.absorb(byte_swap_if_big(word));
    }
    // The last word: what is left over, and the low byte of the length on top.
    std::uint64_t last = std::uint64_t{data.size()} << 56;
    for (std::size_t i = done; i < data.size(); ++i)
        last |= std::to_integer<std::uint64_t>(data[i]) << (8 * (i - done));
    state.absorb(last);
    return state.finish();
}

}  // namespace daxfs
