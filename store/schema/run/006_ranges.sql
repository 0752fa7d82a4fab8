-- purpose: the ranges that a part of a stream is read in, by several workers
-- grain:   stated at the table

-- One row a range of a part, which one worker reads: ids, and where the shop could not answer for the whole window a piece of
-- that. Together they are the part. They are durable before they are read, so that --resume goes on in each.
CREATE TABLE run.ranges (
    stream       VARCHAR NOT NULL,
    store_code   VARCHAR NOT NULL,
    part         VARCHAR NOT NULL,
    number       INTEGER NOT NULL,
    pager        VARCHAR NOT NULL,      -- keyset or page_number
    after_id     BIGINT NOT NULL,       -- ids greater than this,
    upto_id      BIGINT,                -- up to and with this; NULL: no end
    window_start TIMESTAMP,             -- both inclusive, of updated_at, or of created_at where a whole listing is read by page
    window_end   TIMESTAMP,             -- number; NULL: no end
    narrowed     BOOLEAN NOT NULL,      -- the shop took too long for more at once
    done         BOOLEAN NOT NULL,
    total        BIGINT,                -- rows in it, as the shop counted when it first answered
    PRIMARY KEY (stream, store_code, part, number)
);

-- run.ranges.number of the range that a page is of; NULL where a part is not read in ranges. The cursor of a page is the last
-- id, or the last date where the pages go by number inside a window.
ALTER TABLE run.pages ADD COLUMN range INTEGER;
