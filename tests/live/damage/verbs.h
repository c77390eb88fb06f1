// SPDX-License-Identifier: GPL-2.0-or-later
// The verbs of damage (tests/live/bin/damage.cc), by subject. A verb edits blocks in memory; they are written when it
// has returned. What cannot be done ends the program.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "lib/tree/volume.h"
#include "tests/live/bin/check.h"

namespace damage {

template <typename T>
T must(daxfs::Result<T> result, const std::string& what) {
    expect(bool(result), result ? "" : what + ": " + result.error().message);
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

// A filesystem that nobody has mounted.
struct Target {
    explicit Target(const std::string& device)
        : image(must(daxfs::Image::open(device, daxfs::Access::kWrite), device)),
          volume(must(daxfs::open_volume(image), device)) {}
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    std::byte* stage(daxfs::BlockNo block) {
        std::byte* bytes = image.stage(block);
        expect(bytes != nullptr, "no block of the device: " + std::to_string(block.value));
        return bytes;
    }

    daxfs::Image image;
    daxfs::Volume volume;
};

// The words behind the verb.
class Arguments {
  public:
    explicit Arguments(std::span<char*> words) : words_(words) {}

    std::size_t count() const { return words_.size(); }
    std::string_view text(std::size_t index) const { return words_[index]; }
    std::uint64_t number(std::size_t index) const {
        char* end = nullptr;
        const std::uint64_t value = std::strtoull(words_[index], &end, 0);
        expect(end != words_[index] && *end == 0, std::string("no number: ") + words_[index]);
        return value;
    }
    std::uint32_t small(std::size_t index) const { return static_cast<std::uint32_t>(number(index)); }

  private:
    std::span<char*> words_;
};

struct Verb {
    std::size_t arguments;
    void (*run)(Target&, const Arguments&);
};
using Verbs = std::map<std::string_view, Verb>;

Verbs checksum_verbs();   // inode leaf group journal word
Verbs map_verbs();        // map bit
Verbs journal_verbs();    // undo undo-super
Verbs field_verbs();      // get put
Verbs directory_verbs();  // entry

}  // namespace damage
