-- The machines, the shops and their schedules. Text, numbers and times in Unix milliseconds alone, so that SQLite and
-- PostgreSQL take the same file. Times are of the database's clock, the one clock that all machines see.

CREATE TABLE fleet_workers (
    host TEXT PRIMARY KEY,
    instance TEXT NOT NULL,              -- another one with each start
    place TEXT NOT NULL,                 -- machine and folder, which only one process can hold
    slots BIGINT NOT NULL,               -- shops at a time
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    draining BIGINT NOT NULL DEFAULT 0   -- 1: takes no shop any more
);

CREATE TABLE fleet_shops (
    shop TEXT PRIMARY KEY,
    host TEXT NOT NULL,                  -- whose disk has its folder
    move_to TEXT,                        -- where it goes as soon as nobody holds it
    fence BIGINT NOT NULL DEFAULT 0,     -- grows with each claim
    holder TEXT,                         -- the instance that has it now
    held_until BIGINT NOT NULL DEFAULT 0,
    began_at BIGINT,
    began_parts TEXT,
    previous_parts TEXT,                 -- what the claim before this one was for
    run_fence BIGINT NOT NULL DEFAULT 0, -- the last claim under which something was run
    ended_at BIGINT,
    ended_fence BIGINT NOT NULL DEFAULT 0,
    ended_code BIGINT,
    ended_host TEXT,
    copy_fence BIGINT NOT NULL DEFAULT 0, -- the claim after which the newest copy was made
    copy_key TEXT,
    copy_sha256 TEXT,
    copy_bytes BIGINT
);

CREATE TABLE fleet_schedule (
    shop TEXT NOT NULL,
    parts TEXT NOT NULL,                 -- as --only has them; empty for all
    cron TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    PRIMARY KEY (shop, parts)
);
