-- purpose: the rest of what a run's questions and its diff depend on, as it was when the run began: how far each stream had
--          got, and which rows waited. `record` makes a test of a night from it
-- grain:   stated at each table

-- One row a stream and store; began is when the run that set it began, by this machine's clock.
CREATE TABLE before.bookmarks (
    stream     VARCHAR NOT NULL,
    store_code VARCHAR NOT NULL,
    value      TIMESTAMP NOT NULL,
    run_id     VARCHAR NOT NULL,
    began      TIMESTAMP,
    PRIMARY KEY (stream, store_code)
);

-- One row a product or order that waited.
CREATE TABLE before.parked (
    entity    VARCHAR NOT NULL,
    remote_id VARCHAR NOT NULL,
    sku       VARCHAR,
    kind      VARCHAR NOT NULL,
    reason    VARCHAR NOT NULL,
    PRIMARY KEY (entity, remote_id)
);

-- When these two were copied from the state. NULL: never, the run is older than they are.
ALTER TABLE run.info ADD COLUMN bookmarks_at TIMESTAMP;
