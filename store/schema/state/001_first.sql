-- purpose: the state file: what outlives a run
-- grain:   stated at each table

-- One row a product that Optiply is known to hold, with the attributes it last acknowledged.
CREATE TABLE products (
    remote_id         VARCHAR PRIMARY KEY,
    optiply_id        VARCHAR NOT NULL,
    uuid              VARCHAR,
    name              VARCHAR,
    sku_code          VARCHAR,
    article_code      VARCHAR,
    price             DECIMAL(18, 2),
    unlimited_stock   BOOLEAN,
    stock_level       BIGINT,
    status            VARCHAR,
    created_at_remote TIMESTAMP,
    run_id            VARCHAR NOT NULL, -- the run that last changed it
    acknowledged_at   TIMESTAMP NOT NULL,
    change            BIGINT NOT NULL   -- ledger.seq of the answer that made it so
);

-- One row a sell order that Optiply is known to hold. An order is sent once and never changed (section 7).
CREATE TABLE sell_orders (
    remote_id       VARCHAR PRIMARY KEY,
    optiply_id      VARCHAR NOT NULL,
    uuid            VARCHAR,
    placed          TIMESTAMP,
    completed       TIMESTAMP,
    total_value     DECIMAL(19, 2),
    run_id          VARCHAR NOT NULL,
    acknowledged_at TIMESTAMP NOT NULL,
    change          BIGINT NOT NULL
);

-- One row a stream and store: everything up to value (UTC, the shop's clock) is in Optiply, parked or rejected by name.
CREATE TABLE bookmarks (
    stream     VARCHAR NOT NULL,
    store_code VARCHAR NOT NULL,
    value      TIMESTAMP NOT NULL,
    run_id     VARCHAR NOT NULL,
    moved_at   TIMESTAMP NOT NULL,
    PRIMARY KEY (stream, store_code)
);

-- One row an event in the life of a request that changes Optiply; never updated. The state of a change is its newest row:
-- sent (durable before the request leaves), then acknowledged, rejected, unknown or held.
CREATE TABLE ledger (
    seq        BIGINT PRIMARY KEY,
    happened_at TIMESTAMP NOT NULL,
    run_id     VARCHAR NOT NULL,
    plan_hash  VARCHAR NOT NULL,
    entity     VARCHAR NOT NULL,        -- products, sell_orders
    op         VARCHAR NOT NULL,        -- create, update, disable
    remote_id  VARCHAR NOT NULL,
    optiply_id VARCHAR,                 -- the id written to, or the id that a create was given
    state      VARCHAR NOT NULL,        -- planned, sent, acknowledged, rejected, unknown, held
    attempt    INTEGER NOT NULL,
    body       VARCHAR,                 -- the attributes as sent, on rows of state sent
    body_hash  VARCHAR,
    status     INTEGER,                 -- HTTP status of the answer
    reason     VARCHAR                  -- the answer's words, or why it is held or unknown
);

-- One row a run that wrote to this file.
CREATE TABLE runs (
    run_id        VARCHAR PRIMARY KEY,
    started_at    TIMESTAMP NOT NULL,
    ended_at      TIMESTAMP,
    command       VARCHAR NOT NULL,     -- run, extract, load
    phase         VARCHAR NOT NULL,     -- the phase it is in, or ended in: extract, transform, load, done
    products_full BOOLEAN,
    exit_code     INTEGER,              -- NULL while it runs, or when it was killed
    plan_hash     VARCHAR,
    summary       VARCHAR               -- the summary as JSON, as --log-format json prints it
);

-- One row a product or order that could not be brought to Optiply yet: it is read again by id in the next run,
-- so that a bookmark may pass it (section 6.3: parked by name, or rejected by name).
CREATE TABLE parked (
    entity    VARCHAR NOT NULL,         -- products, sell_orders
    remote_id VARCHAR NOT NULL,
    sku       VARCHAR,
    kind      VARCHAR NOT NULL,         -- rejected, held
    reason    VARCHAR NOT NULL,
    run_id    VARCHAR NOT NULL,
    first_at  TIMESTAMP NOT NULL,
    last_at   TIMESTAMP NOT NULL,
    times     INTEGER NOT NULL,
    PRIMARY KEY (entity, remote_id)
);
