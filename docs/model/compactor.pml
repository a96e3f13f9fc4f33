/* SPDX-License-Identifier: Apache-2.0
 *
 * The background compactor over one pair of databases: queue, flag, stop, join, restart, free, close.  README.md says
 * what stands for what.  tools/check-model runs it, clean and with each planted bug (-D BUG_…).
 *
 * What the code does under the flight's mutex is one atomic step here; everything else interleaves.
 */
#ifndef QUEUE
#define QUEUE 1 /* tasks that may wait */
#endif
#ifndef FAILURES
#define FAILURES 1 /* compactions of a database that fail, in all */
#endif

#define STATE 0
#define BLOCKS 1
#define has(mask, d) (((mask) >> (d)) & 1)

mtype = { NEW, RUNNING, STOPPING, STOPPED, JOINED };

/* ---- guarded by the flight's mutex ----------------------------------------------------------- */

bool taken; /* the flag; atomic in the code */
byte mem[2]; /* remembered, as a number of requests */
byte work[2]; /* begun and not done */
mtype state = NEW;
bool in_flight; /* the worker has the flag */
bool stop_wish; /* CMT_COMPACTOR__STOP_WORKER */
byte tellers; /* of a stop, to the engines */
bool has_thread; /* to be joined */
byte references; /* on the handle's memory */
chan queue = [4] of { byte }; /* tasks: which databases, bit by bit; no two alike */

/* The condition: who sleeps on it. */
#define WORKER 0
#define NOW 1
#define HOST 2
#define FRIEND 3
bool asleep[4];

/* ---- guarded by the databases' own locks ----------------------------------------------------- */

byte holds[2]; /* references beyond the host's */
bool listed[2]; /* the worker hears of a shutdown */
bool telling[2]; /* a shutdown is in the compactor's function */
bool closing[2]; /* a shutdown has begun */

/* ---- what nobody in the code knows ----------------------------------------------------------- */

byte owed[2]; /* requests whose keys are not compacted yet */
byte began[2]; /* of these, asked for before the work that is under way */
byte inside; /* compactions between taking and giving back */
bool closed[2]; /* the engine */
bool freed; /* the handle's memory */
byte joins; /* threads joined, of the worker that was started last */
byte callers_left = 3; /* producers and compact_now */
byte failures_left = FAILURES;
bool finished; /* the host has come to its end */

#define nothing_lost (owed[STATE] == mem[STATE] + work[STATE] && owed[BLOCKS] == mem[BLOCKS] + work[BLOCKS])
#define check() assert(nothing_lost)

inline broadcast() {
    asleep[WORKER] = false; asleep[NOW] = false; asleep[HOST] = false; asleep[FRIEND] = false
}

/* ---- compacting: cmt_compactor__run() -------------------------------------------------------- */

/* What is remembered for the databases in `mask` becomes work. */
inline begin_work(mask) {
    d_step {
        inside++;
        assert(inside == 1); /* never two at a time */
        if :: has(mask, STATE) -> work[STATE] = mem[STATE]; began[STATE] = mem[STATE]; mem[STATE] = 0 :: else fi;
        if :: has(mask, BLOCKS) -> work[BLOCKS] = mem[BLOCKS]; began[BLOCKS] = mem[BLOCKS]; mem[BLOCKS] = 0 :: else fi;
        check()
    }
}

/* One database, one slice: the engine is called without a lock. */
inline slice(d, failed) {
    assert(!closed[d]);
    if
    :: atomic { /* done */
        owed[d] = owed[d] - began[d];
        work[d] = 0;
        began[d] = 0;
        check()
       }
    :: atomic { failures_left > 0 -> failures_left--; failed = true }
    fi
}

/* What is not done is remembered as before. */
inline put_back() {
    d_step {
#ifndef BUG_REST_FORGOTTEN
        mem[STATE] = mem[STATE] + work[STATE];
        mem[BLOCKS] = mem[BLOCKS] + work[BLOCKS];
#endif
        work[STATE] = 0; work[BLOCKS] = 0;
        began[STATE] = 0; began[BLOCKS] = 0;
        inside--;
        check()
    }
}

inline release() {
    atomic {
        taken = false;
#ifndef BUG_NO_BROADCAST
        broadcast()
#endif
    }
}

/* ---- enqueue --------------------------------------------------------------------------------- */

inline remember(mask) {
    owed[STATE] = owed[STATE] + has(mask, STATE);
    owed[BLOCKS] = owed[BLOCKS] + has(mask, BLOCKS);
#ifdef BUG_JOINS_RUNNING
    /* a request for what is being compacted is taken to be done with it */
    if
    :: has(mask, STATE) && work[STATE] > 0 -> work[STATE]++; began[STATE] = began[STATE]
    :: else -> mem[STATE] = mem[STATE] + has(mask, STATE)
    fi;
    if
    :: has(mask, BLOCKS) && work[BLOCKS] > 0 -> work[BLOCKS]++
    :: else -> mem[BLOCKS] = mem[BLOCKS] + has(mask, BLOCKS)
    fi
#else
    mem[STATE] = mem[STATE] + has(mask, STATE);
    mem[BLOCKS] = mem[BLOCKS] + has(mask, BLOCKS)
#endif
}

/* Into the queue; the caller holds the mutex. */
inline add_task(mask) {
    if
    :: queue ?? [eval(mask)] -> skip /* COALESCED */
    :: else ->
        if
        :: len(queue) >= QUEUE -> skip /* BUSY: remembered */
        :: else -> queue ! mask; broadcast()
        fi
    fi
}

/* One request for the databases in `mask`; 0: for one of them. */
proctype producer(byte mask) {
    atomic {
        assert(!freed);
        if :: mask == 0 -> if :: mask = 1 :: mask = 2 fi :: else fi;
#ifdef BUG_REQUEST_DROPPED
        if
        :: state == RUNNING && len(queue) >= QUEUE && !queue ?? [eval(mask)] ->
            owed[STATE] = owed[STATE] + has(mask, STATE);
            owed[BLOCKS] = owed[BLOCKS] + has(mask, BLOCKS)
        :: else -> remember(mask)
        fi;
#else
        remember(mask);
#endif
        if
        :: state == RUNNING -> add_task(mask)
        :: else /* STOPPED: remembered */
        fi;
        check();
        callers_left--;
        mask = 0
    }
}

/* ---- compact_now: on the caller's thread ----------------------------------------------------- */

proctype compact_now() {
    bool failed;
    atomic { remember(2); check() };
look:
#ifdef BUG_FLAG_NOT_ATOMIC
    if
    :: !taken -> taken = true; goto compact
    :: atomic { taken -> asleep[NOW] = true }
    fi;
#else
    atomic {
        if
        :: !taken -> taken = true; goto compact
        :: else -> asleep[NOW] = true
        fi
    };
#endif
    if
    :: !asleep[NOW] -> goto look
#ifdef STOPS
    :: atomic { asleep[NOW] -> asleep[NOW] = false; goto let_be } /* time is up: BUSY */
#endif
    fi;
compact:
    begin_work(3); /* all that is remembered */
    assert(!stop_wish); /* what the worker was told is over with the worker's own work */
    if :: work[STATE] > 0 -> slice(STATE, failed) :: else fi;
    if :: work[BLOCKS] > 0 -> slice(BLOCKS, failed) :: else fi;
    put_back();
    release();
let_be:
    atomic { callers_left--; failed = false }
}

/* ---- the worker ------------------------------------------------------------------------------ */

#define stops (state != RUNNING || stop_wish)

inline worker_leaves_flight() {
    atomic { in_flight = false };
#ifndef BUG_TELLERS_LEFT
    atomic { tellers == 0 };
#endif
#ifndef BUG_STOP_LEFT
    stop_wish = false
#else
    skip
#endif
}

/* Databases first, then the handle: whoever waits may close or free. */
inline worker_lets_go(d) {
#ifndef BUG_OFF_WHILE_TOLD
    atomic { !telling[d] -> listed[d] = false };
#else
    listed[d] = false;
#endif
    atomic {
        holds[d]--;
#ifdef BUG_CLOSED_TWICE
        /* who gives the last reference back closes, too */
        if :: holds[d] == 0 && closing[d] -> assert(!closed[d]); closed[d] = true :: else fi
#endif
    }
}

proctype worker() {
    byte mask;
    bool failed;
    bool stopped;
go_on:
    /* decide_locked(): a task is taken with the flag, not before. */
#ifdef BUG_FLAG_NOT_ATOMIC
    if
    :: atomic { state == RUNNING && len(queue) > 0 && taken -> asleep[WORKER] = true; goto sleep }
    :: state == RUNNING && len(queue) > 0 && !taken ->
        atomic { taken = true; in_flight = true; queue ? mask; goto compact }
    :: atomic { state == RUNNING && len(queue) == 0 -> asleep[WORKER] = true; goto sleep }
    :: state != RUNNING -> goto let_go
    fi;
#elif defined(BUG_LOST_WAKE_UP)
    /* looked without the mutex, then went to sleep */
    if
    :: state != RUNNING -> goto let_go
    :: atomic { state == RUNNING && len(queue) > 0 && !taken -> taken = true; in_flight = true; queue ? mask; goto compact }
    :: state == RUNNING && (len(queue) == 0 || taken) -> asleep[WORKER] = true; goto sleep
    fi;
#else
    atomic {
        if
        :: state != RUNNING -> goto let_go
        :: state == RUNNING && len(queue) > 0 && !taken ->
            taken = true; in_flight = true; queue ? mask; goto compact
        :: else -> asleep[WORKER] = true; goto sleep
        fi
    };
#endif
#ifndef STOPS
end_asleep:
#endif
sleep:
    /* The poll, when nothing waits, gives what is remembered a task.  It is no cure for a wake-up that was lost. */
    if
    :: !asleep[WORKER] -> goto go_on
    :: atomic {
        asleep[WORKER] && state == RUNNING && len(queue) == 0 && !taken && mem[STATE] + mem[BLOCKS] > 0 ->
            asleep[WORKER] = false;
            mask = (mem[STATE] > 0) + 2 * (mem[BLOCKS] > 0);
            queue ! mask;
            mask = 0;
            goto go_on
       }
    fi;
compact:
#ifdef BUG_STOP_LOST
    state = RUNNING; /* a stop between the swap of the flag and the first slice is overwritten */
#endif
    begin_work(mask);
    if
    :: has(mask, STATE) && work[STATE] > 0 ->
        if :: stops -> stopped = true :: else -> slice(STATE, failed) fi
    :: else
    fi;
    if
    :: has(mask, BLOCKS) && work[BLOCKS] > 0 -> /* also where the other has failed */
        if :: stopped || stops -> stopped = true :: else -> slice(BLOCKS, failed) fi
    :: else
    fi;
    put_back();
    worker_leaves_flight();
#ifdef BUG_KEPT_ON_ERROR
    if :: failed -> skip :: else -> release() fi;
#else
    release();
#endif
    atomic { /* cmt_compactor__handle(): what was not finished is tried again */
        if
        :: (failed || stopped) && !queue ?? [eval(mask)] -> queue ! mask
        :: else
        fi;
        failed = false; stopped = false; mask = 0;
        goto go_on
    };
let_go:
    worker_lets_go(STATE);
    worker_lets_go(BLOCKS);
    atomic {
        assert(!freed);
        state = STOPPED;
        broadcast()
    };
    atomic {
        references--;
        if :: references == 0 -> freed = true :: else fi
    }
}

/* ---- the handle ------------------------------------------------------------------------------ */

inline start() {
    atomic {
        assert(!closed[STATE] && !closed[BLOCKS]);
        if
        :: state == NEW || state == JOINED ->
            holds[STATE]++; holds[BLOCKS]++;
            listed[STATE] = true; listed[BLOCKS] = true;
            state = RUNNING;
            has_thread = true;
            joins = 0;
            references++;
            run worker()
        :: else
        fi
    }
}

inline stop(must_tell) {
    atomic {
        assert(!freed);
        must_tell = false;
        if
        :: state == RUNNING ->
            state = STOPPING;
            if :: in_flight -> stop_wish = true; tellers++; must_tell = true :: else fi;
            broadcast()
        :: else
        fi
    };
    if
    :: must_tell ->
        assert(!closed[STATE] && !closed[BLOCKS]); /* the engines are told without the mutex */
        atomic { assert(!freed); tellers--; broadcast() }
    :: else
    fi;
    must_tell = false
}

/* Of several callers one gets the thread. */
inline join(me, got) {
    do
    :: atomic {
        if
        :: state == NEW || state == JOINED -> got = false; break
#ifdef BUG_TWO_JOINS
        :: state == STOPPED -> got = true; break
#else
        :: state == STOPPED && has_thread -> has_thread = false; state = JOINED; got = true; break
#endif
        :: else -> asleep[me] = true
        fi
       };
       !asleep[me]
    od;
    if
    :: got ->
        atomic {
            joins++;
            assert(joins <= 1);
            got = false;
#ifdef BUG_TWO_JOINS
            has_thread = false;
            state = JOINED
#endif
        }
    :: else
    fi
}

inline free_handle(must_tell) {
    stop(must_tell);
    atomic {
        has_thread = false; /* detached, if it was not joined */
#ifdef BUG_FREED_AT_ONCE
        freed = true;
#endif
        references--;
        if :: references == 0 -> freed = true :: else fi
    }
}

/* cmt_db_shutdown(): tell who uses it, wait until nobody does, close. */
inline shutdown(d, must_tell) {
    closing[d] = true;
    if
    :: atomic { listed[d] -> telling[d] = true };
       stop(must_tell);
       telling[d] = false
    :: !listed[d]
    fi;
#ifndef BUG_CLOSED_BEFORE_LEFT
    atomic { holds[d] == 0 };
#endif
    atomic { assert(!closed[d]); closed[d] = true }
}

/* ---- a second thread with the handle --------------------------------------------------------- */

bool friend_left;

proctype friend(bool joins_too) {
    bool got;
    if
    :: joins_too -> join(FRIEND, got)
    :: else -> stop(got)
    fi;
    atomic { friend_left = true; joins_too = false }
}

/* ---- the host -------------------------------------------------------------------------------- */

/* STOPS: everything that ends in a close.  Otherwise: started, and left alone. */
active proctype host() {
#ifdef STOPS
    bool must_tell;
    bool got;
    bool has_handle;
#endif
    atomic {
        references = 1;
        run producer(3); run producer(0);
#ifndef STOPS
        run producer(3); callers_left++;
#endif
        run compact_now()
    };
    start(); /* requests may have come before */
#ifdef STOPS
    if
    :: stop(must_tell);
       run friend(true);
       join(HOST, got);
       atomic { friend_left; friend_left = false };
       start()
    :: skip
    fi;
    callers_left == 0; /* nobody uses a handle that is freed, or a database that is closed */
    if
    :: stop(must_tell); join(HOST, got); free_handle(must_tell)
    :: free_handle(must_tell) /* without join: it only signals */
    :: run friend(false); has_handle = true /* both stop it, and it is freed last */
    fi;
    shutdown(STATE, must_tell);
    shutdown(BLOCKS, must_tell);
    if
    :: has_handle -> friend_left; join(HOST, got); free_handle(must_tell)
    :: else
    fi;
    atomic { freed; has_handle = false };
#endif
    finished = true
}

/* ---- what must hold, beside the assertions and that nobody is stuck --------------------------- */

#define waits (len(queue) > 0 && state == RUNNING)
#define owes (owed[STATE] + owed[BLOCKS] > 0 && state == RUNNING)

ltl queue_is_served { [] (waits -> <> !waits) }
ltl all_is_compacted { [] (owes -> <> !owes) }
ltl flag_comes_back { [] (taken -> <> !taken) }
ltl host_comes_to_its_end { <> finished }
