#include "steps.pml"

/*
 * Invariants 24 and 26: each mode has one runner. A process that lost its lease writes no page and no watermark.
 *
 * Two processes work on one incremental sync. Each takes the lease, then the run, and writes in three transactions: it
 * resets the run's counts, stores its page, and ends the run with the watermark. The page is stored by one
 * statement, which prolongs the lease too. In the others the first statement does, and locks the lease's row until the
 * commit. A process may sleep at any place for as long as it likes.
 */
#define PROCESSES 2

/* Places of a process. WAIT: for the row of the lease, which a transaction has locked. */
#define IDLE 0
#define TAKE 1
#define HOLD 2
#define COMMIT 3
#define RELEASE 4
#define WAIT 5

/* The lease's owner: none yet, a process (1 and up), or work that is over or dead. */
#define UNTAKEN 0
#define OF(p) (1 + (p))
#define FORMER (1 + PROCESSES)

#define RESET 0
#define PAGE 1
#define END 2

byte lease = UNTAKEN;
bit valid;
byte place[PROCESSES];
/* The next transaction of a process. */
byte part[PROCESSES];
/* The process whose open transaction has locked the lease's row (1 and up). */
byte locked;
/* That transaction takes longer than the lease. */
bit late;
byte pages;
bit over;

inline print_state() {
  printf("lease=%d valid=%d pages=%d over=%d place0=%d place1=%d ", lease, valid, pages, over, place[0], place[1]);
  printf("part0=%d part1=%d locked=%d late=%d ", part[0], part[1], locked, late)
}

/* The run counts its page once, and no watermark comes before it. */
inline check() { assert(pages <= 1 && (!over || pages == 1)) }

inline leave(p) {
  place[p] = IDLE; part[p] = RESET;
  if
  :: lease == OF(p) -> lease = FORMER
  :: else -> skip
  fi
}

inline acquire(p) {
  if
  :: valid -> leave(p)
  :: else -> lease = OF(p); valid = 1; place[p] = TAKE
  fi
}

/* The row is free: a process that waited for it goes on. */
inline unlock(other) {
  locked = 0; late = 0;
  if
  :: place[other] == WAIT -> acquire(other)
  :: else -> skip
  fi
}

#ifdef WITHOUT_FENCE
#define HOLDS(p) 1
#else
#define HOLDS(p) (lease == OF(p) && valid)
#endif

inline hold(p) {
  if
  :: HOLDS(p) -> place[p] = COMMIT;
#if !defined(WITHOUT_FENCE) && !defined(FENCE_WITHOUT_LOCK)
    locked = OF(p)
#endif
  :: else -> place[p] = RELEASE
  fi
}

active [PROCESSES] proctype Process() {
  byte me = _pid;
  byte other = 1 - _pid;
end: do
  :: d_step {
      place[me] == IDLE && !over && locked == 0 -> STEP("acquire", me);
      acquire(me); DONE
    }
  :: d_step { place[me] == IDLE && !over && locked != 0 -> STEP("wait", me); place[me] = WAIT; DONE }
  /* An open transaction has locked the run's row too. */
  :: d_step {
      place[me] == TAKE && locked == 0 -> STEP("take-run", me);
      if
      :: over -> place[me] = RELEASE
      :: else -> place[me] = HOLD
      fi; DONE
    }
  :: d_step {
      place[me] == HOLD && part[me] == PAGE && locked == 0 -> STEP("store-page", me);
      if
      :: HOLDS(me) && !over -> pages++; part[me] = END
      :: else -> place[me] = RELEASE
      fi; DONE
    }
  :: d_step { place[me] == HOLD && part[me] != PAGE && locked == 0 -> STEP("hold", me); hold(me); DONE }
  :: d_step {
      place[me] == HOLD && part[me] != PAGE && locked == 0 && HOLDS(me) -> STEP("hold-too-long", me);
      hold(me); late = 1; DONE
    }
  :: d_step {
      place[me] == COMMIT -> STEP("commit", me);
      if
      :: over -> place[me] = RELEASE
      :: !over && part[me] == RESET -> pages = 0; part[me] = PAGE; place[me] = HOLD
      :: !over && part[me] == END -> over = 1; place[me] = RELEASE
      fi;
      if
      :: locked == OF(me) ->
        valid = !late;
        unlock(other)
      :: else -> skip
      fi; DONE
    }
  :: d_step {
      place[me] == RELEASE -> STEP("release", me);
      if
      :: lease == OF(me) -> valid = 0
      :: else -> skip
      fi;
      leave(me); DONE
    }
  :: d_step {
      place[me] != IDLE && place[me] != WAIT -> STEP("die", me);
      leave(me);
      if
      :: locked == OF(me) -> unlock(other)
      :: else -> skip
      fi; DONE
    }
  od
}

active proctype Clock() {
end: do
  :: d_step { valid && locked == 0 -> STEP("expire", 0); valid = 0; DONE }
  od
}
