// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/format/identity.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <sys/random.h>

#include "lib/base/printable.h"
#include "lib/base/utf8.h"

namespace daxfs {

Result<Uuid> random_uuid() {
    Uuid uuid;
    if (getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
        return fail("cannot get random numbers: {}", errno_text(errno));
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
    return uuid;
}

Result<Uuid> parse_uuid(std::string_view text) {
    constexpr std::string_view kHexDigits = "0123456789abcdef";
    const auto bad = [&] { return fail("\"{}\" is not a UUID", text); };
    if (text.size() != 36)
        return bad();
    Uuid uuid{};
    std::size_t digit = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-'))
            return bad();
        if (dash)
            continue;
        const char lower = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] | 0x20) : text[i];
        const std::size_t value = kHexDigits.find(lower);
        if (value == std::string_view::npos)
            return bad();
        auto& byte = uuid[digit++ / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
    }
    return uuid;
}

std::string label_of(const daxfs_super& super) {
    const auto* end = std::find(std::begin(super.label), std::end(super.label), daxfs_u8{0});
    return {std::begin(super.label), end};
}

Result<void> check_label(const std::string& label) {
    if (label.size() >= DAXFS_LABEL_SIZE)
        return fail("the label is longer than {} bytes", DAXFS_LABEL_SIZE - 1);
    if (!is_utf8(label))
        return fail("the label is not UTF-8");
    if (printable(label) != label)
        return fail("the label has control characters");
    return {};
}

}  // namespace daxfs
