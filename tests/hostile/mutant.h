// SPDX-License-Identifier: GPL-2.0-or-later
// A copy of the base with some blocks changed, and what was done to it in words.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/hostile/base.h"
#include "tests/hostile/dice.h"

namespace daxfs::hostile {

// Where an entry of a journal puts bytes, and which.
struct Undo {
    std::uint64_t offset = 0;  // on the device
    std::uint32_t length = 0;
    std::uint32_t kind = DAXFS_JOURNAL_BYTES;
    std::vector<std::byte> bytes;  // as many as lie behind the entry
};

class Mutant {
  public:
    explicit Mutant(const Base& base) : base_(base) {}

    const Base& base() const { return base_; }
    const Volume& volume() const { return base_.volume(); }
    const Geometry& geometry() const { return base_.volume().geometry; }
    const test::Blocks& changed() const { return changed_; }

    // Bytes as they are now.
    const std::byte* look(BlockNo number) const;
    // The same to be changed. `number` lies on the device.
    std::byte* block(BlockNo number);
    template <typename T>
    T& at(BlockNo number, std::uint32_t offset = 0) {
        return *reinterpret_cast<T*>(block(number) + offset);
    }
    daxfs_inode& inode(InodeNo ino) { return at<daxfs_inode>(volume().block_of(ino), volume().offset_of(ino)); }
    std::span<std::byte> bytes_of(const Target& target) {
        return {block(target.block) + target.offset, target.schema->size};
    }

    void start_with_work();

    void seal(const Sealed& unit);
    void seal_inode(InodeNo ino) { seal(inode_unit(ino)); }
    void seal_node(BlockNo number) { seal({Sealed::Unit::kNode, number, 0}); }
    Sealed inode_unit(InodeNo ino) const {
        return {Sealed::Unit::kInode, volume().block_of(ino), volume().offset_of(ino)};
    }
    // One bit of a map, its checksum right.
    void set_map_bit(MapKind kind, AgNo ag, std::uint64_t bit, bool value);
    // Entries of the transaction that journal `id` did not commit, as many as find room: how many did.
    std::size_t log_undo(std::uint32_t id, const std::vector<Undo>& entries);

    template <typename... Args>
    void say(fmt::format_string<Args...> format, Args&&... args) {
        if (!text_.empty())
            text_ += "; ";
        text_ += fmt::format(format, std::forward<Args>(args)...);
    }
    void touch(const StructSchema& schema, const Field& field) {
        touched_.insert(std::string(schema.name) + "." + std::string(field.name));
    }
    const std::string& text() const { return text_; }
    const std::set<std::string>& touched() const { return touched_; }  // "daxfs_inode.size"

  private:
    void seal_map(BlockNo map_block);

    const Base& base_;
    test::Blocks changed_;
    std::string text_;
    std::set<std::string> touched_;
};

// The ways to do harm. Each of the first of these does its share; `combined` does two or three.
enum class Harm : std::uint8_t {
    kField,      // a field at or beyond its limits
    kStructure,  // what no single field shows: cycles, double claims, foreign blocks, order
    kJournal,    // undo entries and intents that point anywhere
    kMap,        // bits of maps, and counters
    kSuper,      // older and other superblocks
    kSealed,     // any bytes of a unit, its checksum right
    kBlind,      // any bytes of metadata
    kCombined,
};
inline constexpr std::size_t kHarms = 8;
std::string_view harm_name(Harm harm);

// Every leaf field of every schema, in the order of kAllSchemas.
struct FieldName {
    const StructSchema* schema;
    const Field* field;
};
std::vector<FieldName> all_fields();

// `turn` chooses the field, so that successive turns go through all of them.
void harm_field(Mutant& mutant, Dice& dice, std::uint64_t seed, std::uint64_t turn);
void harm_structure(Mutant& mutant, Dice& dice);
void harm_journal(Mutant& mutant, Dice& dice);
void harm_map(Mutant& mutant, Dice& dice);
void harm_super(Mutant& mutant, Dice& dice);
void harm_sealed(Mutant& mutant, Dice& dice);
void harm_blind(Mutant& mutant, Dice& dice);

// A value for `place` that tests what its reader believes: at, next to and beyond its limits, or a neighbour's.
std::uint64_t hostile_value(const Base& base, const Field& field, std::uint64_t old, Dice& dice);
// Changes one element of `field` in `target`, without sealing.
void set_hostile(Mutant& mutant, const Target& target, const Field& field, Dice& dice);

Harm harm_of(std::uint64_t number);
// The mutant that seed and number stand for.
Mutant make_mutant(const Base& base, std::uint64_t seed, std::uint64_t number);

}  // namespace daxfs::hostile
