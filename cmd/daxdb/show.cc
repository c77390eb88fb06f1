// SPDX-License-Identifier: GPL-2.0-or-later
// Commands that show one structure as it lies there, damaged or not.
#include "cmd/daxdb/commands.h"
#include "lib/dump/block.h"
#include "lib/tree/inode.h"

namespace daxfs::daxdb {
namespace {

void show(const std::vector<Section>& sections, Report& report) {
    report.begin_list("structures");
    for (const Section& section : sections) {
        if (report.json())
            report.element(with_problems(section));
        else
            report.section(section);
    }
    report.end_list();
}

}  // namespace

Result<void> show_superblock(const Session& session, const Values& values, Report& report) {
    const BlockNo block = values.numbers.empty() ? session.volume.super_block : BlockNo{values.numbers[0]};
    const auto* super = session.image->at<daxfs_super>(block);
    if (super == nullptr)
        return fail("block {} cannot be read", block);
    show({decode_super(block, *super)}, report);
    return {};
}

Result<void> show_ag(const Session& session, const Values& values, Report& report) {
    show(decode_ag(session.volume, AgNo{values.numbers[0]}), report);
    return {};
}

Result<void> show_inode(const Session& session, const Values& values, Report& report) {
    const InodeNo number{values.numbers[0]};
    const InodeReading reading = read_inode(session.volume, number);
    if (reading.raw == nullptr)
        return fail("{}", describe(*reading.damage));
    show({decode_inode(session.volume, number, *reading.raw)}, report);
    return {};
}

Result<void> show_block(const Session& session, const Values& values, Report& report) {
    const DecodedBlock block = decode_block(session.volume, BlockNo{values.numbers[0]});
    if (block.bytes == nullptr)
        return fail("{}", block.title);
    const StructBytes bytes(block.bytes, DAXFS_BLOCK_SIZE);
    if (!report.json()) {
        report.out() << block.title << '\n';
        for (const Section& section : block.sections)
            report.section(section);
        write_hex(report.out(), bytes, 0);
        return {};
    }
    const Json json = json_of(block);
    for (const auto& [key, value] : json.items())
        report.member(key, value);
    std::string hex;
    for (std::byte b : bytes)
        hex += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    report.member("hex", hex);
    return {};
}

Result<void> show_journal(const Session& session, const Values& values, Report& report) {
    show(decode_journal(session.volume, static_cast<std::uint32_t>(values.numbers[0])), report);
    return {};
}

}  // namespace daxfs::daxdb
