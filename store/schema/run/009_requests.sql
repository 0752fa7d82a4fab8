-- purpose: what was asked of the two servers, in aggregate: how fast they answered, and how politely they were asked
-- grain:   stated at the table

-- One row a server, endpoint and minute in which something was asked, and process (a run that was gone on with has two for the
-- minute in which it was stopped). It holds no id, no query and no text of an answer (invariant 6).
CREATE TABLE run.requests (
    server      VARCHAR NOT NULL,       -- magento, optiply
    endpoint    VARCHAR NOT NULL,       -- such as stockStatuses/{sku}, or POST products
    minute      TIMESTAMP NOT NULL,     -- UTC, in which the answer came
    requests    BIGINT NOT NULL,        -- attempts, retries included
    retries     BIGINT NOT NULL,        -- attempts after a first one
    failed      BIGINT NOT NULL,        -- without an answer, or with a status of 400 or more
    statuses    MAP(INTEGER, BIGINT) NOT NULL, -- attempts by HTTP status; 0: no answer
    total_ms    DOUBLE NOT NULL,        -- from sending to the last byte, all attempts together
    p50_ms      DOUBLE NOT NULL,
    p95_ms      DOUBLE NOT NULL,
    max_ms      DOUBLE NOT NULL,
    waited_ms   DOUBLE NOT NULL,        -- for a turn within the limits, all attempts together
    bytes       BIGINT NOT NULL,        -- of the answers, as they came
    concurrency INTEGER NOT NULL,       -- requests at a time that were allowed, as seen last in the minute
    per_second  DOUBLE NOT NULL         -- requests a second that were allowed; 0: no limit
);
