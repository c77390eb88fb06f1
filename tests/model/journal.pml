/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal's commit, rollback and recovery (kernel/journal.c, kernel/recovery.c): two processors, two slots, one lock
 * over two units that change together, a crash at any step, of recovery too.
 *
 * A transaction takes both units from v to v + 1, and needs a new node v + 1 that only it leads to. What holds after every
 * recovery: both units have one value, whole; it is that of the last call that returned, or of the one that was under way;
 * and its node is there.
 *
 * Stores go to the cache (mem). A line reaches the device (dur) when it is flushed and then fenced by the same processor,
 * or at any time by itself. What the device has of a line of many words may be torn; of an entry that is one whose checksum
 * is wrong, a commit word is one store.
 *
 * RECOVERY_KEEPS_EMPTY_SEQUENCE: a slot whose first entry was lost keeps its sequence, and entries behind the lost one come
 * to life again with the first entry of the next transaction of that number. It takes two power cuts, the first of them
 * before FENCE 1. The module advances the sequence at the slot's first transaction (void_leftovers() in kernel/journal.c);
 * here recovery does, which is the same: nothing is stored into the slot in between.
 */
#define TRANSACTIONS	3
#define CRASHES		2

/* Lines. */
#define WORD		0	/* + slot: sequence of the last committed transaction */
#define ENTRY		2	/* + 2 * slot + unit: sequence * 8 + old value; 0: does not check out */
#define UNIT		6	/* + unit */
#define NODE		8	/* + value: 1: its content is there */
#define LINES		12
#define TORN		255

byte mem[LINES], dur[LINES];
bool flushed[24];		/* processor * LINES + line: since its last fence */

bool up = true;
byte life = 0;			/* how often the power has come back */
bool locked, busy[2];
byte sequence[2];		/* in memory, beside the slot */
byte published = 0;		/* of the last call that returned */
byte begun = 0;

inline store(where, what)
{
	/* What was there may reach the device before: it is lost in mem. */
	if
	:: mem[where] != dur[where] -> dur[where] = mem[where]
	:: true
	fi;
	mem[where] = what
}

inline flush(who, where) { flushed[who * LINES + where] = true }

inline fence(who)
{
	for (n : 0 .. LINES - 1) {
		if
		:: flushed[who * LINES + n] -> dur[n] = mem[n]; flushed[who * LINES + n] = false
		:: else
		fi
	}
	n = 0
}

/* What a mutant leaves out. */
#ifdef NODE_NOT_FLUSHED
#define flush_node(who, where) true
#else
#define flush_node(who, where) flush(who, where)
#endif
#ifdef UNDO_NOT_FLUSHED
#define flush_undo(who, where) true
#define flush_last_undo(who, where) true
#else
#define flush_undo(who, where) flush(who, where)
#ifdef UNDO_FLUSHED_SHORT
#define flush_last_undo(who, where) true
#else
#define flush_last_undo(who, where) flush(who, where)
#endif
#endif
#ifdef TARGETS_NOT_FLUSHED
#define flush_targets(who) true
#else
#define flush_targets(who) flush(who, UNIT); flush(who, UNIT + 1)
#endif
#ifdef COMMIT_WORD_NOT_FLUSHED
#define flush_word(who, where) true
#else
#define flush_word(who, where) flush(who, where)
#endif
#ifdef RECOVERY_NOT_FLUSHED
#define flush_restored(who, where) true
#else
#define flush_restored(who, where) flush(who, where)
#endif
#ifdef RECOVERY_WORD_NOT_FLUSHED
#define flush_recovered_word(who, where) true
#else
#define flush_recovered_word(who, where) flush(who, where)
#endif

#define VALUE(entry)	((entry) % 8)
#define SEQUENCE(entry)	((entry) / 8)

/* One step, unless the power went off before it. */
#define STEP(action)	atomic { if :: life != born -> goto gone :: else fi; action }

proctype processor(byte cpu)
{
	byte born, slot, value, n;

off:	atomic { up -> born = life };
begin:	atomic {
		if
		:: life != born -> goto gone
		:: life == born && !locked && begun < TRANSACTIONS -> locked = true; begun++
		fi;
		value = mem[UNIT] + 1;
		if
		:: !busy[0] -> slot = 0
		:: !busy[1] -> slot = 1
		fi;
		busy[slot] = true;
		sequence[slot]++
	};
	/* A new node: stored and flushed by who wants it, some time before the commit. */
#ifndef NODE_AFTER_COMMIT
	STEP(store(NODE + value, 1); flush_node(cpu, NODE + value));
#endif
	STEP(store(ENTRY + 2 * slot, sequence[slot] * 8 + mem[UNIT]); flush_undo(cpu, ENTRY + 2 * slot));
#ifndef UNIT_WITHOUT_UNDO
	STEP(store(ENTRY + 2 * slot + 1, sequence[slot] * 8 + mem[UNIT + 1]); flush_last_undo(cpu, ENTRY + 2 * slot + 1));
#endif
#ifdef EDIT_BEFORE_UNDO
	STEP(store(UNIT, value));
#endif
#ifndef UNDO_NOT_FENCED
	STEP(fence(cpu));			/* FENCE 1 */
#endif
#ifndef EDIT_BEFORE_UNDO
	STEP(store(UNIT, value));
#endif
	STEP(store(UNIT + 1, value));
#ifdef COMMIT_BEFORE_FLUSH
	STEP(store(WORD + slot, sequence[slot]); flush(cpu, WORD + slot));
	STEP(fence(cpu));
#endif
#ifndef TARGETS_NOT_FENCED
	STEP(flush_targets(cpu); fence(cpu));	/* FENCE 2 */
#else
	STEP(flush_targets(cpu));
#endif
#ifndef COMMIT_BEFORE_FLUSH
	STEP(store(WORD + slot, sequence[slot]); flush_word(cpu, WORD + slot));
#ifndef COMMIT_WORD_NOT_FENCED
	STEP(fence(cpu));			/* FENCE 3 */
#endif
#endif
#ifdef NODE_AFTER_COMMIT
	STEP(store(NODE + value, 1); flush(cpu, NODE + value); fence(cpu));
#endif
	STEP(busy[slot] = false; locked = false; published = value);
	goto begin;
gone:	slot = 0; value = 0;
	goto off
}

/* What the device has when the power is off. */
inline lose_power()
{
	up = false;
	life++;
	for (n : 0 .. LINES - 1) {
		if
		:: mem[n] == dur[n]
		:: mem[n] != dur[n]				/* what it had */
		:: mem[n] != dur[n] -> dur[n] = mem[n]		/* it came by itself */
		:: mem[n] != dur[n] && n >= ENTRY && n < UNIT -> dur[n] = 0
		:: mem[n] != dur[n] && n >= UNIT && n < NODE -> dur[n] = TORN
		fi
	}
	for (n : 0 .. LINES - 1) {
		mem[n] = dur[n];
		flushed[n] = false;
		flushed[LINES + n] = false
	}
	n = 0;
	locked = false; busy[0] = false; busy[1] = false
}

#define VALID(slot, unit) \
	(mem[ENTRY + 2 * slot + unit] != 0 && SEQUENCE(mem[ENTRY + 2 * slot + unit]) == mem[WORD + slot] + 1)

/* Recovery, as if on processor 0. */
#define R_STEP(action)	atomic { action; if :: crashes < CRASHES -> goto crash :: true fi }

active proctype power()
{
	byte crashes = 0, slot, n;

	run processor(0);
	run processor(1);
	do
	:: crashes < CRASHES -> goto crash
	:: break
	od;
	goto end;

crash:	atomic { crashes++; lose_power(); slot = 0 };
next:	atomic {
		if
		:: slot == 2 -> goto recovered
		:: slot < 2 && VALID(slot, 0)
#ifdef RECOVERY_KEEPS_EMPTY_SEQUENCE
		:: slot < 2 && !VALID(slot, 0) -> sequence[slot] = mem[WORD + slot]; slot++; goto next
#else
		/* Behind an entry that was lost there may be one that was not, which the next of this sequence would revive. */
		:: slot < 2 && !VALID(slot, 0) -> goto advance
#endif
		fi
	};
	/* The newest first; the second does not count without the first. */
#ifndef RECOVERY_FORGETS_LAST_ENTRY
	if
	:: VALID(slot, 1) ->
		R_STEP(store(UNIT + 1, VALUE(mem[ENTRY + 2 * slot + 1])); flush_restored(0, UNIT + 1))
	:: else
	fi;
#endif
	R_STEP(store(UNIT, VALUE(mem[ENTRY + 2 * slot])); flush_restored(0, UNIT));
#ifndef RECOVERY_COMMITS_FIRST
	R_STEP(fence(0));
#endif
advance:
#ifndef RECOVERY_KEEPS_SEQUENCE
	R_STEP(store(WORD + slot, mem[WORD + slot] + 1); flush_recovered_word(0, WORD + slot));
#endif
	R_STEP(fence(0));
	atomic { sequence[slot] = mem[WORD + slot]; slot++; goto next };

recovered:
	atomic {
		assert(mem[UNIT] == mem[UNIT + 1]);
		assert(mem[UNIT] != TORN);
		assert(mem[UNIT] == published || mem[UNIT] == published + 1);
		assert(mem[UNIT] == 0 || mem[NODE + mem[UNIT]] == 1);
		published = mem[UNIT];
		up = true
	};
	do
	:: crashes < CRASHES -> goto crash
	:: break
	od;
end:	skip
}
