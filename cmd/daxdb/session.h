// SPDX-License-Identifier: GPL-2.0-or-later
// An open image and the superblock that every command reads it by.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/image/image.h"
#include "lib/tree/volume.h"

namespace daxfs::daxdb {

struct Session {
    std::unique_ptr<Image> image;  // outlives `volume`, which points to it
    Volume volume;
    std::string warning;  // a line for stderr: which superblock was passed over, and why; may be empty

    const std::string& path() const { return image->path(); }
};

// `superblock`: the block of the one to use. With `force` an image without a valid superblock opens too: then there
// are no allocation groups, and structures are recognised by their magic alone. Errors name the image.
Result<Session> open_session(const std::string& path, std::optional<std::uint64_t> superblock, bool force);
Result<Session> session_of(Image image, std::optional<std::uint64_t> superblock, bool force);

}  // namespace daxfs::daxdb
