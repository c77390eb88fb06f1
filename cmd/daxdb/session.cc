// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daxdb/session.h"

namespace daxfs::daxdb {
namespace {

// Only the nonce is taken from a superblock that cannot be believed, so that checksums may still check out.
Volume blind_volume(const Image& image, BlockNo block) {
    Volume volume;
    volume.image = &image;
    volume.super_block = block;
    if (const auto* raw = image.at<daxfs_super>(block)) {
        volume.super.nonce = raw->nonce;
        volume.seed = ChecksumSeed::of(raw->nonce);
    }
    return volume;
}

}  // namespace

Result<Session> session_of(Image opened, std::optional<std::uint64_t> superblock, bool force) {
    Session session;
    session.image = std::make_unique<Image>(std::move(opened));
    const Image& image = *session.image;
    std::optional<BlockNo> at;
    if (superblock)
        at = BlockNo{*superblock};
    auto volume = open_volume(image, at);
    if (!volume && !force)
        return fail("{}: {}", image.path(), volume.error().message);
    if (!volume) {
        session.warning = fmt::format("{}: {}; going on without a superblock", image.path(), volume.error().message);
        session.volume = blind_volume(image, at.value_or(BlockNo{0}));
        return session;
    }
    session.volume = *volume;
    if (session.volume.primary_damage && !superblock)
        session.warning = fmt::format("{}: {}; using the copy at block {}", image.path(),
                                      describe(*session.volume.primary_damage), session.volume.super_block);
    return session;
}

Result<Session> open_session(const std::string& path, std::optional<std::uint64_t> superblock, bool force) {
    DAXFS_TRY_ASSIGN(Image image, Image::open(path, Access::kRead));
    return session_of(std::move(image), superblock, force);
}

}  // namespace daxfs::daxdb
