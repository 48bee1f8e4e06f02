/*
 * Invariant 9: a slow reader cannot restore a cache entry that a writer dropped.
 *
 * One user. A reader is an ensure call: it reads the key, takes a lease after a miss, reads the row, and fills the key. A
 * writer is a sync job: it commits a version of the row, and then deletes the key. Either may die between two steps. Of a
 * job that died, the next run writes and deletes again.
 */
#include "steps.pml"

#define READERS 2
#define WRITERS 2
#define VERSIONS 3

/* Places of a reader, and of a writer. */
#define IDLE 0
#define TAKE 1
#define READ 2
#define FILL 3
#define DROP 1
#define LOST 2

/* The key: empty, the lease of a reader (1 and up), or a version of the row. */
#define EMPTY 0
#define VALUE(version) (10 + (version))
#define IS_VALUE (key >= 10)

byte key = EMPTY;
byte row = 1;
byte reader[READERS];
bit lease[READERS];
byte seen[READERS];
byte writer[WRITERS];
/* The version that a writer committed and did not drop yet. */
byte owed[WRITERS];

#ifdef SAME_LEASE
#define LEASE_OF(r) 1
#else
#define LEASE_OF(r) (1 + (r))
#endif

inline print_state() {
  printf("key=%d row=%d reader0=%d reader1=%d writer0=%d writer1=%d ", key, row, reader[0], reader[1], writer[0], writer[1]);
  printf("lease0=%d lease1=%d seen0=%d seen1=%d owed0=%d owed1=%d ", lease[0], lease[1], seen[0], seen[1], owed[0], owed[1])
}

/* An entry that is older than the row will still be dropped by the writer of a later version. */
inline check() {
  assert(!IS_VALUE || key == VALUE(row) || VALUE(owed[0]) > key || VALUE(owed[1]) > key)
}

active [READERS] proctype Reader() {
  byte me = _pid;
end: do
  :: d_step {
      reader[me] == IDLE -> STEP("get", me);
      if
      :: key == EMPTY -> reader[me] = TAKE
      :: IS_VALUE -> skip
      :: else -> reader[me] = READ
      fi; DONE
    }
  :: d_step {
      reader[me] == TAKE -> STEP("take-lease", me);
      if
      :: key == EMPTY -> key = LEASE_OF(me); lease[me] = 1
      :: else -> skip
      fi;
      reader[me] = READ; DONE
    }
  :: d_step {
      reader[me] == READ -> STEP("read-row", me);
      if
      :: lease[me] -> seen[me] = row; reader[me] = FILL
      :: else -> reader[me] = IDLE
      fi; DONE
    }
  :: d_step {
      reader[me] == FILL -> STEP("fill", me);
      if
#ifdef FILL_WITHOUT_LEASE
      :: true -> key = VALUE(seen[me])
#else
      :: key == LEASE_OF(me) -> key = VALUE(seen[me])
      :: else -> skip
#endif
      fi;
      reader[me] = IDLE; lease[me] = 0; seen[me] = 0; DONE
    }
  :: d_step {
      reader[me] != IDLE -> STEP("reader-dies", me);
      reader[me] = IDLE; lease[me] = 0; seen[me] = 0; DONE
    }
  od
}

active [WRITERS] proctype Writer() {
  byte me = _pid - READERS;
end: do
  :: d_step {
      writer[me] == IDLE && row < VERSIONS -> STEP("commit", me);
      row++; owed[me] = row; writer[me] = DROP; DONE
    }
  :: d_step {
      writer[me] == DROP -> STEP("drop", me);
      key = EMPTY; owed[me] = 0; writer[me] = IDLE; DONE
    }
  :: d_step { writer[me] == DROP -> STEP("writer-dies", me); writer[me] = LOST; DONE }
  :: d_step { writer[me] == LOST -> STEP("run-again", me); writer[me] = DROP; DONE }
  od
}

active proctype Redis() {
end: do
  :: d_step { key != EMPTY -> STEP("expire", 0); key = EMPTY; DONE }
  od
}
