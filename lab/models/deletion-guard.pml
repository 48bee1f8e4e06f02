#include "steps.pml"

/*
 * Invariant 23: deletions by absence, from any path, are held together when they are too many.
 *
 * A full sync has four absent users and deletes two of them in a transaction. Two sync jobs have one absent user each. At
 * most five users may be deleted in a day, so some of the six are held. A transaction that counts has locked the guard.
 * The runner may die before each commit. Another one then goes on, or an operator cancels the run.
 */
#define JOBS 2
#define ABSENT 4
#define PAGE_SIZE 2
#define LIMIT 5

/* Places of a job, and of the runner. WAIT: for the guard's lock. */
#define IDLE 0
#define COMMIT 1
#define WAIT 2
#define COUNT 3

/* The runner's next commit. */
#define COUNTED 0
#define PAGE 1
#define CLOSE 2
#define END 3

/* What the guard allowed. */
#define UNDECIDED 0
#define DELETE 1
#define HOLD 2

#define RUNNER (JOBS + 1)

byte runner = IDLE;
byte part = COUNTED;
byte may = UNDECIDED;
/* The checkpoint of the run. */
byte decided = UNDECIDED;
byte remaining;
bit closed;
bit over;
/* Users that the run deleted, and held. */
byte deleted;
byte held;

byte job[JOBS];
byte verdict[JOBS];
/* What became of a job's user. */
byte user[JOBS];

/* The transaction that has locked the guard: a job (1 and up), or the runner. */
byte guard;

#define BY_JOBS ((user[0] == DELETE) + (user[1] == DELETE))
#ifdef WITHOUT_REMAINING
#define COUNTED_NOW (deleted + BY_JOBS)
#else
#define COUNTED_NOW (deleted + BY_JOBS + (over -> 0 : remaining))
#endif

#ifdef WITHOUT_LOCK
#define LOCK(owner) skip
#else
#define LOCK(owner) guard = owner
#endif

inline print_state() {
  printf("runner=%d job0=%d job1=%d decided=%d remaining=%d closed=%d over=%d ", runner, job[0], job[1], decided, remaining, closed, over);
  printf("deleted=%d held=%d user0=%d user1=%d ", deleted, held, user[0], user[1]);
  printf("part=%d may=%d verdict0=%d verdict1=%d guard=%d ", part, may, verdict[0], verdict[1], guard)
}

inline check() {
  assert(deleted + BY_JOBS <= LIMIT);
  /* All deletions of a run, or none. */
  assert(deleted == 0 || held == 0)
}

inline decide_job(j) {
  LOCK(1 + j); job[j] = COMMIT;
  verdict[j] = (COUNTED_NOW + 1 <= LIMIT -> DELETE : HOLD)
}

inline decide_run() {
  LOCK(RUNNER); runner = COMMIT; part = COUNTED;
#ifdef COUNT_PER_PAGE
  may = (COUNTED_NOW + PAGE_SIZE <= LIMIT -> DELETE : HOLD)
#else
  may = (COUNTED_NOW + ABSENT <= LIMIT -> DELETE : HOLD)
#endif
}

/* The transaction is over: the one that waits for the guard goes on. */
inline unlock(owner) {
  if
  :: guard == owner ->
    guard = 0;
    if
    :: job[0] == WAIT -> decide_job(0)
    :: job[1] == WAIT -> decide_job(1)
    :: runner == WAIT -> decide_run()
    :: else -> skip
    fi
  :: else -> skip
  fi
}

/* The runner goes to its next commit. */
inline go_on() {
  runner = COMMIT;
  if
  :: closed -> part = END
  :: !closed && decided == UNDECIDED -> runner = COUNT
  :: !closed && decided == DELETE && remaining > 0 -> part = PAGE
  :: else -> part = CLOSE
  fi
}

#define NO_WAITER (job[0] != WAIT && job[1] != WAIT && runner != WAIT)

active [JOBS] proctype Job() {
  byte me = _pid;
end: do
  :: d_step {
      job[me] == IDLE && !user[me] && guard == 0 -> STEP("decide", me);
      decide_job(me); DONE
    }
  :: d_step {
      job[me] == IDLE && !user[me] && guard != 0 && NO_WAITER -> STEP("wait", me);
      job[me] = WAIT; DONE
    }
  :: d_step {
      job[me] == COMMIT -> STEP("commit", me);
      user[me] = verdict[me]; verdict[me] = 0; job[me] = IDLE;
      unlock(1 + me); DONE
    }
  :: d_step {
      job[me] == COMMIT -> STEP("die", me);
      verdict[me] = 0; job[me] = IDLE;
      unlock(1 + me); DONE
    }
  od
}

active proctype Runner() {
end: do
  :: d_step { runner == IDLE && !over -> STEP("start-runner", 0); go_on(); DONE }
  :: d_step { runner == COUNT && guard == 0 -> STEP("count", 0); decide_run(); DONE }
  :: d_step { runner == COUNT && guard != 0 && NO_WAITER -> STEP("wait-to-count", 0); runner = WAIT; DONE }
  :: d_step {
      runner == COMMIT -> STEP("commit-run", 0);
      if
      :: part == COUNTED ->
        decided = may; may = 0;
        if
        :: decided == DELETE -> remaining = ABSENT
        :: else -> skip
        fi;
        go_on()
      :: part == PAGE ->
        deleted = deleted + PAGE_SIZE; remaining = remaining - PAGE_SIZE;
#ifdef COUNT_PER_PAGE
        if
        :: COUNTED_NOW - remaining + PAGE_SIZE > LIMIT && remaining > 0 -> decided = HOLD; held = remaining; remaining = 0
        :: else -> skip
        fi;
#endif
        go_on()
      :: part == CLOSE ->
        closed = 1; remaining = 0;
        if
        :: decided == HOLD -> held = ABSENT
        :: else -> skip
        fi;
        go_on()
      :: else -> over = 1; runner = IDLE
      fi;
      unlock(RUNNER); DONE
    }
  :: d_step {
      runner == COMMIT || runner == COUNT -> STEP("runner-dies", 0);
      runner = IDLE; may = 0;
      unlock(RUNNER); DONE
    }
  :: d_step { runner == IDLE && !over -> STEP("cancel-run", 0); over = 1; DONE }
  od
}
