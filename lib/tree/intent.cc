// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/tree/intent.h"

#include <algorithm>
#include <span>

#include "lib/base/zeros.h"
#include "lib/format/checksum.h"

namespace daxfs {

IntentReading read_intent(const Image& image, BlockNo block) {
    IntentReading reading;
    reading.raw = image.at<daxfs_intent>(block);
    Damage damage{.kind = DamageKind::kUnreadable, .unit = Unit::kIntent, .block = block};
    if (reading.raw == nullptr) {
        reading.damage = damage;
        return reading;
    }
    reading.present = !is_zero(reading.raw, sizeof(*reading.raw));
    if (!reading.present)
        return reading;
    damage.kind = DamageKind::kMagic;
    damage.found = reading.raw->magic;
    damage.expected = DAXFS_INTENT_MAGIC;
    if (damage.found == damage.expected) {
        damage.kind = DamageKind::kChecksum;
        damage.found = reading.raw->crc;
        damage.expected = checksum(*reading.raw);
    }
    if (damage.found != damage.expected)
        reading.damage = damage;
    return reading;
}

}  // namespace daxfs
