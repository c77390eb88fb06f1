/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol of repair intents (lib/check/redo.cc, lib/check/undo_file.cc): a repair in two rounds of two blocks each, its
 * undo, the module that mounts what announces nothing, and a power cut at any step, of recovery too.
 *
 * Round r takes both blocks from r - 1 to r. What holds whenever the module can mount, and when a tool is done: both blocks
 * have one value, whole. What the module wrote then is never overwritten: not by the repair, whose announcement is over, nor
 * by its undo, which sees that something else is there.
 *
 * Stores go to the page cache (mem); fsync makes all of them durable (dur). Until then the device may have any of them, in
 * any order, whole or torn; a torn intent or list is one whose checksum is wrong.
 */
#define ROUNDS		2
#define CRASHES		3

/* Blocks. */
#define A		0	/* intents: 0 none, r: of round r's list, UNDO */
#define B		1
#define LIST		2	/* free blocks: r: list of round r */
#define X		3	/* what changes */
#define Y		4
#define BLOCKS		5

#define UNDO		100
#define MODULE		200	/* the module wrote there */
#define TORN		255

byte mem[BLOCKS], dur[BLOCKS];
byte crashes;
byte round;
byte n;
bool mounted;			/* the module has been there: the value of both is MODULE from then on */

inline store(where, what)
{
	if
	:: mem[where] != dur[where] -> dur[where] = mem[where]
	:: true
	fi;
	mem[where] = what
}

inline sync()
{
	for (n : 0 .. BLOCKS - 1) { dur[n] = mem[n] }
	n = 0
}

#define STEP(action)	atomic { action; if :: crashes < CRASHES -> goto crash :: true fi }

#define VALID(intent)	(mem[intent] != 0 && mem[intent] != TORN)
#define FOLLOWED(intent) (VALID(intent) && mem[intent] != UNDO && mem[LIST] == mem[intent])

inline sound()
{
	assert(mem[X] == mem[Y]);
	assert(mem[X] != TORN);
	assert(!mounted || mem[X] == MODULE)
}

/* Both intents, in either order. */
#define BOTH(value) \
	if \
	:: true -> STEP(store(A, value)); STEP(store(B, value)) \
	:: true -> STEP(store(B, value)); STEP(store(A, value)) \
	fi
#define CHANGE(value) \
	if \
	:: true -> STEP(store(X, value)); STEP(store(Y, value)) \
	:: true -> STEP(store(Y, value)); STEP(store(X, value)) \
	fi

active proctype machine()
{
choose:	/* Whoever comes next. */
	if
	:: goto mount
	:: goto fsck
	:: goto undo
	:: crashes < CRASHES -> goto crash
	:: goto end
	fi;

mount:	/* Refused where one is valid. */
	atomic {
		if
		:: VALID(A) || VALID(B) -> goto choose
		:: else
		fi;
		sound();
		/* It has a journal of its own: what it changes is durable together. The list's blocks were free, and are used. */
		mounted = true;
		mem[X] = MODULE; mem[Y] = MODULE; mem[LIST] = MODULE;
		dur[X] = MODULE; dur[Y] = MODULE; dur[LIST] = MODULE
	};
	goto choose;

fsck:	/* finish_announced() */
	atomic {
		if
		:: FOLLOWED(A) -> round = mem[A]
		:: FOLLOWED(B) && !FOLLOWED(A) -> round = mem[B]
		:: !VALID(A) && !VALID(B) -> goto commit
		:: (VALID(A) || VALID(B)) && !FOLLOWED(A) && !FOLLOWED(B) ->
			/* Refused: for an undo alone, never for a repair of ours. */
			assert(mem[A] == UNDO || mem[B] == UNDO);
			goto choose
		fi
	};
#ifdef RECOVERY_CLEARS_FIRST
	BOTH(0);
	STEP(sync());
#endif
	CHANGE(round);
#ifndef RECOVERY_CHANGES_NOT_FLUSHED
	STEP(sync());
#endif
#ifndef RECOVERY_CLEARS_FIRST
	BOTH(0);
#endif
#ifndef RECOVERY_END_NOT_FLUSHED
	STEP(sync());
#endif

commit:	/* commit_staged(): the next round of the repair, unless there is nothing to repair. */
	atomic {
		sound();
		round = mem[X] + 1;
		if
		:: mounted || round > ROUNDS -> goto choose
		:: else
		fi
	};
	STEP(store(LIST, round));
#ifndef LIST_NOT_FLUSHED
	STEP(sync());			/* THE LIST */
#endif
#ifdef CHANGES_BEFORE_ANNOUNCEMENT
	CHANGE(round);
#endif
	BOTH(round);
#ifndef ANNOUNCEMENT_NOT_FLUSHED
	STEP(sync());			/* THE ANNOUNCEMENT */
#endif
#ifndef CHANGES_BEFORE_ANNOUNCEMENT
	CHANGE(round);
#endif
#ifndef CHANGES_NOT_FLUSHED
	STEP(sync());			/* THE CHANGES */
#endif
	BOTH(0);
#ifndef END_NOT_FLUSHED
	STEP(sync());			/* THE END */
#endif
	goto commit;

undo:	/* undo_repair(): finishes a repair that was cut off, and refuses what it does not know. */
	atomic {
		if
		:: mem[A] == UNDO || mem[B] == UNDO
		:: !VALID(A) && !VALID(B) && mem[X] <= ROUNDS
		:: !VALID(A) && !VALID(B) && mem[X] > ROUNDS -> goto choose
#ifdef UNDO_DOES_NOT_FINISH
		:: (FOLLOWED(A) || FOLLOWED(B)) && mem[A] != UNDO && mem[B] != UNDO
#else
		:: (VALID(A) || VALID(B)) && mem[A] != UNDO && mem[B] != UNDO -> goto fsck
#endif
		fi
	};
#ifndef UNDO_NOT_ANNOUNCED
	BOTH(UNDO);
#endif
#ifndef UNDO_ANNOUNCEMENT_NOT_FLUSHED
	STEP(sync());
#endif
	CHANGE(0);
#ifndef UNDO_CHANGES_NOT_FLUSHED
	STEP(sync());
#endif
	BOTH(0);
#ifndef UNDO_END_NOT_FLUSHED
	STEP(sync());
#endif
	atomic { assert(!mounted && mem[X] == 0 && mem[Y] == 0); goto choose };

crash:	atomic {
		crashes++;
		for (n : 0 .. BLOCKS - 1) {
			if
			:: mem[n] == dur[n]
			:: mem[n] != dur[n]
			:: mem[n] != dur[n] -> dur[n] = mem[n]
			:: mem[n] != dur[n] -> dur[n] = TORN
			fi
		}
		for (n : 0 .. BLOCKS - 1) { mem[n] = dur[n] }
		n = 0;
		goto choose
	};
end:	skip
}
