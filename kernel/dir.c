// SPDX-License-Identifier: GPL-2.0
/*
 * Names in the leaves of a directory's tree: look up, add, remove, replace.
 *
 * Records tile a leaf; they are unordered, and free space is a record too. A name's key is its hash and an ordinal
 * that tells apart names of one hash; these may straddle leaves, so a search goes on to the next leaf while the hash
 * may continue there. Names other than the one wanted are passed over by their length and key alone. The records of a leaf
 * are believed with it (tree.c); where one of them is not sound, each for itself whenever it is used.
 *
 * A record's header is loaded once, into a struct dir_record, and checked there: memory may change. Of a leaf that is
 * copied to be edited, what was found in it before is written, not read again.
 */
#include <linux/siphash.h>
#include <linux/slab.h>
#include <asm/word-at-a-time.h>

#include "checksum.h"
#include "claim.h"
#include "daxfs.h"
#include "dir.h"
#include "error.h"
#include "inode.h"
#include "journal.h"
#include "tree_change.h"

#define RECORD_BYTES(name_length) round_up(sizeof(struct daxfs_dirent) + (name_length), 8)
#define MAX_RECORD_BYTES RECORD_BYTES(DAXFS_NAME_MAX)
#define ORDINALS (1ull << DAXFS_DIR_KEY_HASH_SHIFT)
#define LAST_RECORD (DAXFS_BLOCK_SIZE - (u32)sizeof(struct daxfs_dirent))	/* behind it no record begins */
#define NEW_RECORD DAXFS_BLOCK_SIZE	/* as an offset in a scratch: the record that is being added */
#define BUCKET_BITS 6

/* A record as its header was when it was loaded. */
struct dir_record {
	const struct daxfs_dirent *entry;
	u64 key;
	u16 length;		/* to the next record */
	u8 name_length;
	u8 type;
};

/* A name that is there. */
struct dir_place {
	struct daxfs_tree_path path;
	struct dir_record record;
	u32 offset;
	u32 free_before;	/* offset of the free record that ends at `offset`, or `offset` */
};

struct daxfs_dir_change {
	struct daxfs_tree_change tree;
	struct daxfs_tree_node *removed_from;	/* the leaf that a name left, which may be empty; or NULL */
	u64 removed_key;
};

static const void *leaf_of(const struct daxfs_tree_path *path)
{
	return daxfs_step_node(&path->step[0]);
}

static u64 first_key(const struct daxfs_sb_info *sbi, const struct qstr *name)
{
	siphash_key_t key = { { sbi->hash_key[0], sbi->hash_key[1] } };
	u64 hash = siphash(name->name, name->len, &key) >> DAXFS_DIR_HASH_DROP;

	return (hash ?: 1) << DAXFS_DIR_KEY_HASH_SHIFT;
}

u8 daxfs_dirent_type(umode_t mode)
{
	return fs_umode_to_ftype(mode);		/* the format's numbers are the VFS's */
}

static int bad_record(struct inode *dir, const struct daxfs_tree_path *path, u32 offset)
{
	return daxfs_corrupt(dir->i_sb, dir->i_ino, path->step[0].block, "directory entry at byte %u", offset);
}

/* The first word of a record: checksum, length, length of the name, type. */
static __always_inline u64 load_head(const void *leaf, u32 offset)
{
	BUILD_BUG_ON(offsetof(struct daxfs_dirent, length) != 4 || offsetof(struct daxfs_dirent, name_length) != 6 ||
		     offsetof(struct daxfs_dirent, type) != 7);
	return le64_to_cpu(READ_ONCE(*(const __le64 *)(leaf + offset)));
}

static __always_inline u64 load_key(const void *leaf, u32 offset)
{
	return le64_to_cpu(READ_ONCE(((const struct daxfs_dirent *)(leaf + offset))->key));
}

static __always_inline u16 head_length(u64 head)
{
	return head >> 32;
}

static __always_inline u8 head_type(u64 head)
{
	return head >> 56;
}

/* Whether a length leads to where a record may be. Turned to the right, what is no multiple of 8 is too large as well. */
static __always_inline bool leads_on(u16 length)
{
	return ror32((u32)length - sizeof(struct daxfs_dirent), 3) <= DAXFS_BLOCK_SIZE / 8;
}

/* The record at `offset`, a multiple of 8 inside the block: whether its length is good for a step and its name inside. */
static __always_inline bool read_record(const void *leaf, u32 offset, struct dir_record *record)
{
	const struct daxfs_dirent *entry = leaf + offset;
	u64 head = load_head(leaf, offset);

	record->entry = entry;
	record->length = head_length(head);
	record->name_length = head >> 48;
	record->type = head_type(head);
	if (record->length < sizeof(*entry) + record->name_length || !IS_ALIGNED(record->length, 8) ||
	    record->length > DAXFS_BLOCK_SIZE - offset)
		return false;
	record->key = load_key(leaf, offset);
	return record->type == DAXFS_DIRENT_FREE ? !record->name_length :
						   record->type <= DAXFS_DIRENT_LNK && record->name_length;
}

static int load_record(struct inode *dir, const struct daxfs_tree_path *path, const void *leaf, u32 offset,
		       struct dir_record *record)
{
	return read_record(leaf, offset, record) ? 0 : bad_record(dir, path, offset);
}

/* The VFS warns of a slash in a name that readdir gives out. Names are padded to words. */
static bool is_name(const struct dir_record *record)
{
	const struct word_at_a_time bytes = WORD_AT_A_TIME_CONSTANTS;
	const __le64 *words = (const void *)(record->entry + 1);
	unsigned int left = record->name_length;
	unsigned long word, found;

	for (; left; left -= min(left, 8u)) {
		word = le64_to_cpu(READ_ONCE(*words++));
		if (left < 8)
			word |= ~0ul << left * 8;
		if (has_zero(word, &found, &bytes) || has_zero(word ^ REPEAT_BYTE('/'), &found, &bytes))
			return false;
	}
	return true;
}

/* Whether a record says what was stored, and the name in it can be one. */
static bool is_sound(struct inode *dir, const struct dir_record *record)
{
	return daxfs_dirent_ok(DAXFS_SB(dir->i_sb), record->entry, record->name_length) && is_name(record);
}

static bool is_in_range(const struct daxfs_tree_step *leaf, const struct dir_record *record)
{
	return record->type == DAXFS_DIRENT_FREE || (record->key >= leaf->low && record->key < leaf->high);
}

/* All records, once: from then on what is looked at of them is their length, and of one that is used its key. */
static int verify_leaf(struct inode *dir, const struct daxfs_tree_step *leaf)
{
	struct dir_record record;
	u32 offset;

	for (offset = DAXFS_DIR_LEAF_START; offset < DAXFS_BLOCK_SIZE; offset += record.length)
		if (!read_record(daxfs_step_node(leaf), offset, &record) || !is_in_range(leaf, &record) ||
		    !is_sound(dir, &record))
			return -EUCLEAN;
	return 0;
}

const struct daxfs_tree daxfs_dir_tree = {
	.name		= "a directory",
	.magic		= DAXFS_DIR_NODE_MAGIC,
	.format		= DAXFS_FORMAT_DIRECTORY,
	.flat_format	= DAXFS_FORMAT_DIRECTORY,
	.leaf_max	= DAXFS_DIR_LEAF_COUNT,
	.clustered	= true,
	.end		= DAXFS_DIR_KEY_END,
	.verify_leaf	= verify_leaf,
};

static bool name_is(const struct dir_record *record, const struct qstr *name)
{
	return record->name_length == name->len && !memcmp(record->entry + 1, name->name, name->len);
}

/* Of a leaf that is in doubt each record is believed for itself. */
static int check_record(struct inode *dir, const struct daxfs_tree_path *path, u32 offset,
			const struct dir_record *record)
{
	const char *wrong = "in the wrong leaf";

	if (unlikely(path->doubt) && !is_sound(dir, record))
		wrong = "is not sound";
	else if (likely(is_in_range(&path->step[0], record)))
		return 0;
	return daxfs_corrupt(dir->i_sb, dir->i_ino, path->step[0].block, "directory entry at byte %u %s", offset, wrong);
}

/*
 * Most of what an operation on a name costs is the records that a walk passes over: of one whose key is more than this
 * behind the first key looked for, only what leads to the next is looked at. In a leaf that is in doubt there is none.
 */
static u64 passed_over(const struct daxfs_tree_path *path)
{
	return path->doubt ? U64_MAX : ORDINALS - 1;
}

/* Where a walk ended: records fill a leaf. */
static int check_end(struct inode *dir, const struct daxfs_tree_path *path, u32 offset)
{
	return likely(offset == DAXFS_BLOCK_SIZE) ? 0 : bad_record(dir, path, offset);
}

/* -ENOENT: not in this leaf. */
static int find_in_leaf(struct inode *dir, struct dir_place *place, u64 first, const struct qstr *name)
{
	const void *leaf = leaf_of(&place->path);
	u64 passed = passed_over(&place->path);
	u32 offset = DAXFS_DIR_LEAF_START, before = DAXFS_DIR_LEAF_START, length;
	struct dir_record record;	/* not in the loop: kernels that clear what is on the stack would do so each time */

	for (; offset <= LAST_RECORD; before = offset, offset += length) {
		length = head_length(load_head(leaf, offset));
		if (likely(load_key(leaf, offset) - first > passed && leads_on(length)))
			continue;
		if (!read_record(leaf, offset, &record))
			return bad_record(dir, &place->path, offset);
		length = record.length;
		if (record.key - first >= ORDINALS || !name_is(&record, name))
			continue;
		place->record = record;
		place->offset = offset;
		place->free_before = head_type(load_head(leaf, before)) == DAXFS_DIRENT_FREE ? before : offset;
		return check_record(dir, &place->path, offset, &record);
	}
	return check_end(dir, &place->path, offset) ?: -ENOENT;
}

static int find_name(struct inode *dir, struct daxfs_tree_change *change, const struct qstr *name,
		     struct dir_place *place)
{
	u64 first = first_key(DAXFS_SB(dir->i_sb), name), key = first;
	int err;

	do {
		err = daxfs_dir_find(dir, change, key, &place->path);
		if (!err)
			err = find_in_leaf(dir, place, first, name);
		if (err != -ENOENT || !place->path.height)
			return err;
		key = place->path.step[0].high;
	} while (key - first < ORDINALS && key < DAXFS_DIR_KEY_END);
	return -ENOENT;
}

int daxfs_dir_lookup(struct inode *dir, const struct qstr *name, u64 *ino, u8 *type)
{
	struct dir_place place DAXFS_NOT_CLEARED;
	int err;

	lockdep_assert_held(&DAXFS_I(dir)->lock);
	err = find_name(dir, NULL, name, &place);
	if (err)
		return err;
	*ino = le64_to_cpu(READ_ONCE(place.record.entry->ino));
	*type = place.record.type;
	return 0;
}

/* Where nobody can tell, that is an error: nothing in it is thrown away unseen. */
int daxfs_dir_check_empty(struct inode *dir)
{
	struct daxfs_tree_path path;
	u64 key = 0;
	int err;

	do {
		err = daxfs_dir_find(dir, NULL, key, &path);
		if (err)
			return err == -ENOENT ? 0 : err;
		if (path.step[0].count)
			return -ENOTEMPTY;
		key = path.step[0].high;
		/* An image may have any number of empty leaves. */
		cond_resched();
	} while (key < DAXFS_DIR_KEY_END);
	return 0;
}

struct daxfs_dir_change *daxfs_dir_begin(struct daxfs_tx *tx, struct inode *dir)
{
	struct daxfs_dir_change *change;
	int err = daxfs_may_change(dir);

	BUILD_BUG_ON(sizeof(*change) > DAXFS_BLOCK_SIZE);
	if (err)
		return ERR_PTR(err);
	change = daxfs_tx_buffer(tx);
	if (!change)
		return ERR_PTR(-ENOMEM);
	daxfs_tree_begin(&change->tree, &daxfs_dir_tree, tx, dir);
	change->removed_from = NULL;
	return change;
}

static struct daxfs_dirent *put_record(void *leaf, u32 offset, u32 length)
{
	struct daxfs_dirent *entry = leaf + offset;

	memset(entry, 0, sizeof(*entry));
	entry->length = cpu_to_le16(length);
	return entry;
}

static void put_free(struct daxfs_sb_info *sbi, void *leaf, u32 offset, u32 length)
{
	daxfs_seal_dirent(sbi, put_record(leaf, offset, length));
}

static void change_count(struct daxfs_tree_node *node, int by)
{
	node->copy->count = cpu_to_le16(le16_to_cpu(node->copy->count) + by);
}

/* The record and its free neighbours become one free record. Only its header is written: what lies under it is space. */
int daxfs_dir_remove(struct daxfs_dir_change *change, const struct qstr *name)
{
	struct inode *dir = change->tree.inode;
	struct daxfs_tree_node *node;
	struct dir_record next;
	struct dir_place place DAXFS_NOT_CLEARED;
	const void *leaf;
	u32 end;
	int err = find_name(dir, &change->tree, name, &place);

	if (err)
		return err;
	if (WARN_ON_ONCE(change->removed_from))
		return -EINVAL;
	leaf = leaf_of(&place.path);
	end = place.offset + place.record.length;
	if (end < DAXFS_BLOCK_SIZE) {
		err = load_record(dir, &place.path, leaf, end, &next);
		if (!err && next.type == DAXFS_DIRENT_FREE) {
			err = check_record(dir, &place.path, end, &next);
			end += next.length;
		}
		if (err)
			return err;
	}
	if (place.free_before != place.offset) {
		err = load_record(dir, &place.path, leaf, place.free_before, &next);
		if (!err)
			err = check_record(dir, &place.path, place.free_before, &next);
		if (err)
			return err;
	}
	if (!place.path.step[0].count)
		return daxfs_corrupt(dir->i_sb, dir->i_ino, place.path.step[0].block,
				     "directory leaf counts fewer names than it has");
	node = daxfs_tree_edit(&change->tree, &place.path, 0);
	if (IS_ERR(node))
		return PTR_ERR(node);
	change->removed_from = node;
	change->removed_key = place.record.key;
	put_free(DAXFS_SB(dir->i_sb), node->copy, place.free_before, end - place.free_before);
	daxfs_tree_dirty(node, place.free_before, place.free_before + sizeof(struct daxfs_dirent));
	change_count(node, -1);
	return 0;
}

static void fill_record(struct daxfs_sb_info *sbi, struct daxfs_dirent *entry, const struct qstr *name, u64 key,
			u64 ino, u8 type)
{
	entry->name_length = name->len;
	entry->type = type;
	entry->key = cpu_to_le64(key);
	entry->ino = cpu_to_le64(ino);
	memcpy(entry + 1, name->name, name->len);
	daxfs_seal_dirent(sbi, entry);
}

/* The name stays, with its key; what it names is another inode. */
int daxfs_dir_replace(struct daxfs_dir_change *change, const struct qstr *name, u64 ino, u8 type)
{
	struct dir_place place DAXFS_NOT_CLEARED;
	struct daxfs_dirent *entry;
	struct daxfs_tree_node *node;
	int err = find_name(change->tree.inode, &change->tree, name, &place);

	if (err)
		return err;
	node = daxfs_tree_edit(&change->tree, &place.path, 0);
	if (IS_ERR(node))
		return PTR_ERR(node);
	entry = put_record(node->copy, place.offset, place.record.length);
	fill_record(DAXFS_SB(change->tree.inode->i_sb), entry, name, place.record.key, ino, type);
	daxfs_tree_dirty(node, place.offset, place.offset + sizeof(*entry));
	return 0;
}

/* A name for the new record, and the record. */
struct new_name {
	const struct qstr *name;
	u64 key, ino;
	u32 bytes;
	u8 type;
};

/* Where it goes: the leaf, and the first free record that has room for it. */
struct dir_room {
	struct daxfs_tree_path path;	/* of height 0: the directory is empty */
	struct dir_record record;
	u32 offset;			/* 0: none has */
};

static __always_inline void note_room(struct dir_room *room, const struct dir_record *record, u32 offset, u32 bytes)
{
	if (record->type != DAXFS_DIRENT_FREE || record->length < bytes || room->offset)
		return;
	room->record = *record;
	room->offset = offset;
}

/* Ordinals of one hash that names have. */
struct ordinals {
	u64 low;		/* bit an ordinal below 64 */
	u64 next;		/* behind the largest one */
};

static void note_ordinal(struct ordinals *taken, u64 ordinal)
{
	if (ordinal < 64)
		taken->low |= 1ull << ordinal;
	taken->next = max(taken->next, ordinal + 1);
}

/* What a leaf tells of the hash whose first key is `first`, and where it has room. -EEXIST: the name is there. */
static int look_into_leaf(struct inode *dir, const struct new_name *new, u64 first, struct dir_room *room,
			  struct ordinals *taken)
{
	const void *leaf = leaf_of(&room->path);
	u64 passed = passed_over(&room->path);
	u32 offset = DAXFS_DIR_LEAF_START, least = new->bytes, length;
	struct dir_record record;	/* see find_in_leaf() */
	int err;

	room->offset = 0;
	for (; offset <= LAST_RECORD; offset += length) {
		u64 head = load_head(leaf, offset);

		length = head_length(head);
		if (likely(load_key(leaf, offset) - first > passed && leads_on(length) &&
			   (head_type(head) != DAXFS_DIRENT_FREE || length < least)))
			continue;
		if (!read_record(leaf, offset, &record))
			return bad_record(dir, &room->path, offset);
		length = record.length;
		if (record.key - first >= ORDINALS) {
			note_room(room, &record, offset, new->bytes);
			/* Free records are no longer looked for. */
			least = room->offset ? DAXFS_BLOCK_SIZE : least;
			continue;
		}
		err = check_record(dir, &room->path, offset, &record);
		if (err)
			return err;
		if (name_is(&record, new->name))
			return -EEXIST;
		note_ordinal(taken, record.key - first);
	}
	return check_end(dir, &room->path, offset);
}

/* An ordinal that no name of this hash has; -EEXIST if the name is there. `room` is in the last leaf where it may be. */
static int choose_key(struct daxfs_tree_change *change, struct new_name *new, struct dir_room *room)
{
	struct inode *dir = change->inode;
	u64 first = first_key(DAXFS_SB(dir->i_sb), new->name), key = first;
	struct ordinals taken = {};
	int err;

	do {
		err = daxfs_dir_find(dir, change, key, &room->path);
		if (err == -ENOENT)
			break;
		if (!err)
			err = look_into_leaf(dir, new, first, room, &taken);
		if (err)
			return err;
		key = room->path.step[0].high;
	} while (key - first < ORDINALS && key < DAXFS_DIR_KEY_END);

	if (~taken.low)
		taken.next = ffz(taken.low);
	if (taken.next == ORDINALS)
		return -ENOSPC;
	new->key = first + taken.next;
	return 0;
}

/* In the leaf of the key that was chosen. */
static int find_room(struct daxfs_tree_change *change, const struct new_name *new, struct dir_room *room)
{
	struct inode *dir = change->inode;
	int err = daxfs_dir_find(dir, change, new->key, &room->path);
	u32 offset;

	room->offset = 0;
	for (offset = DAXFS_DIR_LEAF_START; !err && offset < DAXFS_BLOCK_SIZE;) {
		struct dir_record record;

		if (!read_record(leaf_of(&room->path), offset, &record))
			return bad_record(dir, &room->path, offset);
		note_room(room, &record, offset, new->bytes);
		offset += record.length;
	}
	return err;
}

/* Into the free record of `length` bytes at `offset`; the rest of it stays free if a record fits there. */
static int put_name(struct daxfs_tree_change *change, struct daxfs_tree_node *node, u32 offset, u32 length,
		    const struct new_name *new)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	u32 rest = length - new->bytes;
	struct daxfs_dirent *entry;

	if (IS_ERR(node))
		return PTR_ERR(node);
	if (rest < sizeof(struct daxfs_dirent))
		rest = 0;
	entry = put_record(node->copy, offset, length - rest);
	/* What pads the name is dirty too, and the copy may be empty there. */
	memset((void *)entry + new->bytes - 8, 0, 8);
	fill_record(sbi, entry, new->name, new->key, new->ino, new->type);
	if (rest)
		put_free(sbi, node->copy, offset + length - rest, rest);
	daxfs_tree_dirty(node, offset, offset + new->bytes + (rest ? sizeof(struct daxfs_dirent) : 0));
	change_count(node, 1);
	return 0;
}

/* In the order of their keys: those are hashes, and most lie alone in the bucket that their top bits say. */
static int sort_found(struct inode *dir, const struct daxfs_tree_path *path, struct dir_scratch *scratch)
{
	const struct daxfs_tree_step *leaf = path->step;
	unsigned int shift = max(fls64(leaf->high - leaf->low - 1), BUCKET_BITS) - BUCKET_BITS, i;
	struct dir_found *found = scratch->found, *out = scratch->sorted;
	/* Numbers in `found`, from 1 on. */
	u8 buckets[1 << BUCKET_BITS] = {}, *link, next;

	for (i = 0; i < scratch->count; i++) {
		u64 key = found[i].key;

		link = &buckets[(key - leaf->low) >> shift];
		while (*link && found[*link - 1].key < key)
			link = &found[*link - 1].next;
		if (*link && found[*link - 1].key == key)
			return daxfs_corrupt(dir->i_sb, dir->i_ino, leaf->block, "two directory entries of key %llu", key);
		found[i].next = *link;
		*link = i + 1;
	}
	for (i = 0; i < ARRAY_SIZE(buckets); i++)
		for (next = buckets[i]; next; next = found[next - 1].next)
			*out++ = found[next - 1];
	return 0;
}

/*
 * The leaf, and its live records with keys of at least `from`, each verified, in the order of their keys; among them, unless
 * it is 0, a key that is in the leaf's range and comes to it.
 */
int daxfs_dir_collect(struct inode *dir, const struct daxfs_tree_path *path, u64 from, u64 new_key,
		      struct dir_scratch *scratch)
{
	struct dir_found *found = scratch->found;
	u32 offset;
	int err;

	memcpy(scratch->leaf, leaf_of(path), DAXFS_BLOCK_SIZE);
	if (new_key)
		*found++ = (struct dir_found){ .key = new_key, .offset = NEW_RECORD };
	for (offset = DAXFS_DIR_LEAF_START; offset < DAXFS_BLOCK_SIZE;) {
		struct dir_record record;

		if (unlikely(!read_record(scratch->leaf, offset, &record)))
			return bad_record(dir, path, offset);
		if (record.type != DAXFS_DIRENT_FREE && record.key >= from) {
			err = is_name(&record) ? check_record(dir, path, offset, &record) : bad_record(dir, path, offset);
			if (err)
				return err;
			found->key = record.key;
			found->offset = offset;
			found++;
		}
		offset += record.length;
	}
	scratch->count = found - scratch->found;
	return sort_found(dir, path, scratch);
}

static u32 sorted_bytes(const struct dir_scratch *scratch, unsigned int i, const struct new_name *new)
{
	u32 offset = scratch->sorted[i].offset;

	if (offset == NEW_RECORD)
		return new->bytes;
	return RECORD_BYTES(((const struct daxfs_dirent *)(scratch->leaf + offset))->name_length);
}

/* Records from .. to - 1 of the scratch, tight, then the free space. */
static void build_leaf(struct daxfs_sb_info *sbi, struct daxfs_tree_node *node, const struct dir_scratch *scratch,
		       unsigned int from, unsigned int to, const struct new_name *new)
{
	u32 offset = DAXFS_DIR_LEAF_START;
	unsigned int i;

	memset(node->copy + 1, 0, DAXFS_DIR_LEAF_BYTES);
	for (i = from; i < to; i++) {
		u32 bytes = sorted_bytes(scratch, i, new), length = bytes;
		struct daxfs_dirent *entry;

		/* Too little behind the last one for a free record. */
		if (i + 1 == to && DAXFS_BLOCK_SIZE - offset - bytes < sizeof(*entry))
			length = DAXFS_BLOCK_SIZE - offset;
		entry = put_record(node->copy, offset, length);
		if (scratch->sorted[i].offset == NEW_RECORD) {
			fill_record(sbi, entry, new->name, new->key, new->ino, new->type);
		} else {
			const struct daxfs_dirent *old = (const void *)scratch->leaf + scratch->sorted[i].offset;

			memcpy(entry, old, sizeof(*old) + old->name_length);
			entry->length = cpu_to_le16(length);
			daxfs_seal_dirent(sbi, entry);
		}
		offset += length;
	}
	if (offset < DAXFS_BLOCK_SIZE)
		put_free(sbi, node->copy, offset, DAXFS_BLOCK_SIZE - offset);
	node->copy->count = cpu_to_le16(to - from);
	daxfs_tree_dirty(node, DAXFS_DIR_LEAF_START, DAXFS_BLOCK_SIZE);
}

/* Where the lower half, by bytes, ends. Both halves have a record, and each has room for the largest one. */
static unsigned int middle_of(const struct dir_scratch *scratch, const struct new_name *new, u32 total)
{
	unsigned int i;
	u32 sum = 0;

	for (i = 0; i + 1 < scratch->count && sum < total / 2; i++)
		sum += sorted_bytes(scratch, i, new);
	return i;
}

/* The leaf has no room: laid out anew, in place if that frees enough to be worth it, else split in two. */
static int rebuild_leaf(struct daxfs_tree_change *change, const struct daxfs_tree_path *path,
			const struct new_name *new, struct dir_scratch *scratch)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(change->inode->i_sb);
	struct daxfs_tree_node *left, *right = ERR_PTR(-ENOSPC);
	unsigned int middle, i;
	u32 total = 0;
	int err = daxfs_dir_collect(change->inode, path, 0, new->key, scratch);

	if (err)
		return err;
	for (i = 0; i < scratch->count; i++)
		total += sorted_bytes(scratch, i, new);
	middle = middle_of(scratch, new, total);
	left = daxfs_tree_edit(change, path, 0);
	if (IS_ERR(left))
		return PTR_ERR(left);
	if (total > DAXFS_DIR_LEAF_BYTES / 8 * 7) {
		right = daxfs_tree_new_node(change, 0, scratch->sorted[middle].key);
		if (IS_ERR(right) && (PTR_ERR(right) != -ENOSPC || total > DAXFS_DIR_LEAF_BYTES))
			return PTR_ERR(right);
	}
	if (IS_ERR(right)) {
		build_leaf(sbi, left, scratch, 0, scratch->count, new);
		return 0;
	}
	build_leaf(sbi, left, scratch, 0, middle, new);
	build_leaf(sbi, right, scratch, middle, scratch->count, new);
	right->doubt = path->doubt;
	return daxfs_tree_link(change, path, right);
}

/* The last step of a change that has one: a removal after it could empty what it made. */
int daxfs_dir_add(struct daxfs_dir_change *change, const struct qstr *name, u64 ino, u8 type)
{
	struct new_name new = { .name = name, .ino = ino, .bytes = RECORD_BYTES(name->len), .type = type };
	struct daxfs_tree_change *tree = &change->tree;
	struct daxfs_tree_node *leaf;
	struct dir_scratch *scratch;
	struct dir_room room DAXFS_NOT_CLEARED;
	int err = choose_key(tree, &new, &room);

	if (err)
		return err;
	if (!room.path.height) {
		leaf = daxfs_tree_new_node(tree, 0, 0);
		if (IS_ERR(leaf))
			return PTR_ERR(leaf);
		put_free(DAXFS_SB(tree->inode->i_sb), leaf->copy, DAXFS_DIR_LEAF_START, DAXFS_DIR_LEAF_BYTES);
		daxfs_tree_first_leaf(tree, leaf);
		return put_name(tree, leaf, DAXFS_DIR_LEAF_START, DAXFS_DIR_LEAF_BYTES, &new);
	}
	if (new.key - room.path.step[0].low >= room.path.step[0].high - room.path.step[0].low)
		err = find_room(tree, &new, &room);
	if (!err && room.offset)
		err = check_record(tree->inode, &room.path, room.offset, &room.record);
	if (err)
		return err;
	if (room.offset)
		return put_name(tree, daxfs_tree_edit(tree, &room.path, 0), room.offset, room.record.length, &new);
	scratch = kmalloc(sizeof(*scratch), GFP_NOFS);
	if (!scratch)
		return -ENOMEM;
	err = rebuild_leaf(tree, &room.path, &new, scratch);
	kfree(scratch);
	return err;
}

/* The leaf goes with its last name. */
static int prune(struct daxfs_dir_change *change)
{
	struct daxfs_tree_path path;
	int err;

	if (!change->removed_from || likely(daxfs_node_count(change->removed_from)))
		return 0;
	err = daxfs_dir_find(change->tree.inode, &change->tree, change->removed_key, &path);
	if (err)
		return err;
	return path.step[0].count ? 0 : daxfs_tree_remove_leaf(&change->tree, &path);
}

/* What comes between the last name and daxfs_tx_ready(): the old bytes of all that will change go into the log. */
int daxfs_dir_prepare(struct daxfs_dir_change *change)
{
	struct inode *dir = change->tree.inode;
	int err = prune(change);

	if (err)
		return err;
	/* The size comes from the device. */
	if (i_size_read(dir) + change->tree.blocks * DAXFS_BLOCK_SIZE < 0)
		return daxfs_corrupt(dir->i_sb, dir->i_ino, dir->i_ino / DAXFS_INODES_PER_BLOCK,
				     "directory smaller than its tree");
	return daxfs_tree_finish(&change->tree);
}

/* Between daxfs_tx_ready() and the caller's daxfs_store_inode(dir), which seals the fork with the inode. */
void daxfs_dir_apply(struct daxfs_dir_change *change)
{
	struct inode *dir = change->tree.inode;

	daxfs_tree_store(&change->tree);
	i_size_write(dir, i_size_read(dir) + change->tree.blocks * DAXFS_BLOCK_SIZE);
}

/* One leaf a transaction, whatever names are in it: nothing reaches the directory any more. */
static int free_first_leaf(struct inode *dir)
{
	struct daxfs_tx *tx = daxfs_tx_begin(dir->i_sb);
	struct daxfs_dir_change *change;
	struct daxfs_tree_path path;
	int err;

	if (IS_ERR(tx))
		return PTR_ERR(tx);
	change = daxfs_dir_begin(tx, dir);
	err = PTR_ERR_OR_ZERO(change);
	if (!err)
		err = daxfs_dir_find(dir, &change->tree, 0, &path);
	if (!err)
		err = daxfs_tree_remove_leaf(&change->tree, &path);
	if (!err)
		err = daxfs_dir_prepare(change);
	if (!err) {
		daxfs_tx_add_core(tx, dir);
		err = daxfs_tx_ready(tx);
	}
	if (err) {
		daxfs_tx_cancel(tx);
		return err;
	}
	daxfs_dir_apply(change);
	daxfs_store_inode(dir);
	return daxfs_tx_commit(tx);
}

/* Takes the inode lock. A removed directory is empty and has no blocks, unless the image said otherwise. */
int daxfs_dir_free_all_blocks(struct inode *dir)
{
	int err;

	do {
		down_write(&DAXFS_I(dir)->lock);
		err = DAXFS_I(dir)->raw->fork_count ? free_first_leaf(dir) : 0;
		up_write(&DAXFS_I(dir)->lock);
		cond_resched();
	} while (!err && DAXFS_I(dir)->raw->fork_count);
	return err;
}
