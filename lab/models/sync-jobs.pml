#include "steps.pml"

/*
 * Invariant 2: an accepted sync job ends in a run that starts after it, or in a dead letter.
 *
 * The jobs of one user and kind, with `keepLastIfActive`: at most one job exists at a time, and at most one add is kept for
 * after it. Two workers take it, finish it, fail, freeze, lose their lock, or die. Each step is one script of BullMQ on
 * Redis, or one statement on Postgres. There (POSTGRES) a lock that expired still allows its holder to finish, until the
 * stalled check has taken the job away.
 */
#define WORKERS 2
/* Real jobs have five attempts. The later ones are no other states. */
#define ATTEMPTS 3

/* Places of the job. */
#define NONE 0
#define WAITING 1
#define ACTIVE 2
#define DELAYED 3

byte job = NONE;
/* The deduplication key exists. */
bit key;
/* An add is kept for when the active job is over. */
bit next;
byte owner;
/* The worker whose lock has not expired (1 and up). */
byte lock;
/* The last stalled check saw the job active. */
bit marked;
byte attempts;
bit busy[WORKERS];

/* An accepted add is later than the latest start; an add before that start has no end of its run yet. */
bit unseen;
bit unfinished;

#ifdef POSTGRES
#define OWNS(w) (job == ACTIVE && owner == 1 + (w))
#else
#define OWNS(w) (job == ACTIVE && lock == 1 + (w))
#endif

inline print_state() {
  printf("job=%d key=%d next=%d lock=%d marked=%d busy0=%d busy1=%d ", job, key, next, lock, marked, busy[0], busy[1]);
  printf("owner=%d attempts=%d unseen=%d unfinished=%d ", owner, attempts, unseen, unfinished)
}

inline check() {
  /* A start is still to come. */
  assert(!unseen || job == WAITING || job == DELAYED || (job == ACTIVE && next));
  assert(!unfinished || job == ACTIVE);
  /* A key without a job would refuse the user's jobs for ever. */
  assert(key == (job != NONE) && (!next || job != NONE))
}

inline start(w) {
  job = ACTIVE; owner = 1 + w; lock = 1 + w; busy[w] = 1;
  unfinished = unfinished || unseen; unseen = 0
}

inline leave_active() { owner = 0; lock = 0 }

/* The run does not count: another one must start. */
inline start_over(place) {
  job = place; leave_active();
  unseen = unseen || unfinished; unfinished = 0
}

inline end_job() {
  leave_active(); marked = 0; attempts = 0; unfinished = 0;
  if
  :: next -> job = WAITING; next = 0
  :: else -> job = NONE; key = 0
  fi
}

/* On Redis, a worker that gives its lock up also removes the mark. */
inline unmark() {
#ifndef POSTGRES
  marked = 0
#else
  skip
#endif
}

active proctype Producer() {
end: do
  :: d_step {
      true -> STEP("add", 0);
      if
      :: job == NONE -> job = WAITING; key = 1
#ifndef WITHOUT_KEEP_LAST
      :: job == ACTIVE -> next = 1
#endif
      :: else -> skip
      fi;
      unseen = 1; DONE
    }
  od
}

active [WORKERS] proctype Worker() {
  byte me = _pid - 1;
end: do
  :: d_step { !busy[me] && job == WAITING -> STEP("take", me); start(me); DONE }
  :: d_step { busy[me] && OWNS(me) -> STEP("renew", me); lock = 1 + me; unmark(); DONE }
  :: d_step {
      busy[me] -> STEP("finish", me);
      if
      :: OWNS(me) -> end_job()
      :: else -> skip
      fi;
      busy[me] = 0; DONE
    }
  :: d_step {
      busy[me] -> STEP("finish-and-take", me);
      busy[me] = 0;
      if
      :: OWNS(me) ->
        end_job();
        if
        :: job == WAITING -> start(me)
        :: else -> skip
        fi
      :: else -> skip
      fi; DONE
    }
  :: d_step {
      busy[me] && (attempts + 1 < ATTEMPTS || !OWNS(me)) -> STEP("fail", me);
      if
      :: OWNS(me) -> start_over(DELAYED); unmark(); attempts++
      :: else -> skip
      fi;
      busy[me] = 0; DONE
    }
  :: d_step {
      busy[me] -> STEP("fail-for-good", me);
      if
      :: OWNS(me) ->
#ifdef FAILURE_FORGETS_NEXT
        next = 0;
#endif
        end_job()
      :: else -> skip
      fi;
      busy[me] = 0; DONE
    }
  :: d_step {
      busy[me] -> STEP("pause-for-outage", me);
      if
      :: OWNS(me) -> start_over(WAITING); unmark()
      :: else -> skip
      fi;
      busy[me] = 0; DONE
    }
  :: d_step { busy[me] -> STEP("die", me); busy[me] = 0; DONE }
  od
}

active proctype Queue() {
end: do
  :: d_step { lock != 0 -> STEP("lock-expires", 0); lock = 0; DONE }
  :: d_step { job == DELAYED -> STEP("delay-ends", 0); job = WAITING; DONE }
  :: d_step {
      job != NONE -> STEP("check-stalled", 0);
      if
      :: job == ACTIVE && marked && lock == 0 -> start_over(WAITING)
      :: else -> skip
      fi;
      marked = (job == ACTIVE); DONE
    }
  od
}
