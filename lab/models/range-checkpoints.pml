#include "steps.pml"

/*
 * Invariant 25: a full sync misses no user that exists throughout, whenever its runner dies.
 *
 * A full sync walks two ranges of creation times at once, each by a lane of its own, with a user on a page. Range 0 has users
 * 0 and 1, and a row in between whose user is gone. Range 1 has users 2 and 3. A page is written, and then stored with the
 * places of both ranges in one transaction. Stores come one after the other. Each range ends with an empty page.
 */
#define LANES 2
#define USERS 2

/* Places of a lane. QUEUED: for the other lane's store. */
#define NONE 0
#define WRITE 1
#define STORE 2
#define QUEUED 3
#define WALKED 4
#define FETCH 5

bit alive;
/* Every page is stored, and the next phase begins. */
bit over;
byte lane[LANES];
/* The checkpoint: stored pages of a range. The end of range 1 is not stored, because it has no next range. */
byte stored[LANES];
bit row[LANES * USERS];
/* The row in between is a deletion candidate. */
bit candidate;
byte seen;

#ifdef STORE_BEFORE_WRITE
#define USER(l) ((l) * USERS + stored[l] - 1)
#else
#define USER(l) ((l) * USERS + stored[l])
#endif
#define HAS_USER(l) (stored[l] < USERS)

#ifdef STALE_PLACES
/* The place of the other range when the page was begun. */
byte known[LANES];
#endif

/* Where a lane can be seen: before its first page, before a write, or before a store. */
#define STOP(l) (lane[l] == WRITE || lane[l] == STORE || lane[l] == FETCH -> lane[l] : NONE)

inline print_state() {
  printf("stop0=%d stop1=%d alive=%d over=%d stored0=%d stored1=%d ", STOP(0), STOP(1), alive, over, stored[0], stored[1]);
  printf("row0=%d row1=%d row2=%d row3=%d candidate=%d seen=%d ", row[0], row[1], row[2], row[3], candidate, seen);
  printf("lane0=%d lane1=%d ", lane[0], lane[1])
}

inline check() {
  assert(!over || (row[0] && row[1] && row[2] && row[3] && candidate && seen == LANES * USERS));
  /* Users that count as seen are behind the checkpoint. */
  assert(seen == (stored[0] > USERS -> USERS : stored[0]) + stored[1])
}

inline enter_store(l) {
  lane[l] = (lane[1 - l] == STORE -> QUEUED : STORE)
}

inline begin_page(l) {
#ifdef STALE_PLACES
  known[l] = stored[1 - l];
#endif
#ifdef STORE_BEFORE_WRITE
  enter_store(l)
#else
  if
  :: HAS_USER(l) && !row[USER(l)] -> lane[l] = WRITE
  :: else -> enter_store(l)
  fi
#endif
}

/* Both lanes are at the end: the next phase begins. */
inline finish() {
  if
  :: lane[0] == WALKED && lane[1] == WALKED -> over = 1
  :: else -> skip
  fi
}

/* A lane that waits for the other one's store may store now. */
inline end_store(l) {
  if
  :: lane[1 - l] == QUEUED -> lane[1 - l] = STORE
  :: else -> skip
  fi
}

inline write_page(l) {
  row[USER(l)] = 1;
#ifdef STORE_BEFORE_WRITE
  begin_page(l)
#else
  enter_store(l)
#endif
}

inline store_page(l) {
  if
  :: l == 0 && stored[0] == 1 -> candidate = 1
  :: else -> skip
  fi;
  end_store(l);
  if
  :: HAS_USER(l) ->
    seen++;
#ifdef STALE_PLACES
    stored[1 - l] = known[l];
#endif
    stored[l]++;
    lane[l] = NONE;
#ifdef STORE_BEFORE_WRITE
    lane[l] = WRITE
#else
    begin_page(l)
#endif
  :: else ->
    stored[0] = (l == 0 -> USERS + 1 : stored[0]);
    lane[l] = WALKED
  fi;
  finish()
}

active proctype Runner() {
end: do
  :: d_step {
      !alive && !over -> STEP("start", 0);
      alive = 1;
      if
      :: stored[0] > USERS -> lane[0] = WALKED
      :: else -> lane[0] = FETCH
      fi;
      lane[1] = FETCH; DONE
    }
  :: d_step { alive && lane[0] == FETCH -> STEP("fetch", 0); begin_page(0); DONE }
  :: d_step { alive && lane[1] == FETCH -> STEP("fetch", 1); begin_page(1); DONE }
  :: d_step { alive && lane[0] == WRITE -> STEP("write", 0); write_page(0); DONE }
  :: d_step { alive && lane[1] == WRITE -> STEP("write", 1); write_page(1); DONE }
  :: d_step { alive && lane[0] == STORE -> STEP("store", 0); store_page(0); DONE }
  :: d_step { alive && lane[1] == STORE -> STEP("store", 1); store_page(1); DONE }
  :: d_step { alive && !over -> STEP("die", 0); alive = 0; lane[0] = NONE; lane[1] = NONE; DONE }
  od
}
