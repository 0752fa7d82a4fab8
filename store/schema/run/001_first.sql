-- purpose: the tables of a run file, except those that transform/sql makes (stage, model, diff, plan)
-- grain:   stated at each table
-- note:    raw.<stream> and page.<stream> are views over the page files beside the run file; store/pages.go makes them

CREATE SCHEMA raw;
CREATE SCHEMA page;
CREATE SCHEMA stage;
CREATE SCHEMA model;
CREATE SCHEMA before;
CREATE SCHEMA diff;
CREATE SCHEMA plan;
CREATE SCHEMA run;

-- One row: the run itself. Times are UTC. shop_now is the shop's own clock, from which the windows were made.
CREATE TABLE run.info (
    run_id          VARCHAR NOT NULL,
    shop            VARCHAR NOT NULL,
    schema_version  INTEGER NOT NULL,
    program_version VARCHAR NOT NULL,
    started_at      TIMESTAMP NOT NULL,
    shop_now        TIMESTAMP,
    products_full   BOOLEAN,            -- the products stream read the whole listing, not only what changed
    state_changes   BIGINT,             -- the newest ledger row the before.* copy knew of
    before_at       TIMESTAMP,          -- when before.* was copied from the state
    extracted_at    TIMESTAMP,
    transformed_at  TIMESTAMP,
    plan_hash       VARCHAR,
    loaded_at       TIMESTAMP
);

-- One row a setting, without secrets (invariant 6). transform/sql/000_settings.sql makes variables of them.
CREATE TABLE run.settings (name VARCHAR PRIMARY KEY, value VARCHAR);

-- One row a stream and store: its window, and what reading it took. Both ends of a window are inclusive, UTC.
CREATE TABLE run.streams (
    stream       VARCHAR NOT NULL,
    store_code   VARCHAR NOT NULL,
    part         VARCHAR NOT NULL,      -- window: by time; full: everything; ids: rows asked for by id; skus: one request a SKU
    window_start TIMESTAMP,
    window_end   TIMESTAMP,
    rows         BIGINT NOT NULL DEFAULT 0,
    pages        BIGINT NOT NULL DEFAULT 0,
    requests     BIGINT NOT NULL DEFAULT 0,
    retries      BIGINT NOT NULL DEFAULT 0,
    quarantined  BIGINT NOT NULL DEFAULT 0,
    bytes        BIGINT NOT NULL DEFAULT 0,
    seconds      DOUBLE NOT NULL DEFAULT 0,
    complete     BOOLEAN NOT NULL DEFAULT false,
    reason       VARCHAR,               -- why it is not complete
    PRIMARY KEY (stream, store_code, part)
);

-- One row a page file that was written whole. A file without its row here is a left-over of a kill and is not read.
CREATE TABLE run.pages (
    stream     VARCHAR NOT NULL,
    store_code VARCHAR NOT NULL,
    part       VARCHAR NOT NULL,
    file       VARCHAR NOT NULL,        -- name in <run id>.pages/<stream>/
    rows       BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    cursor     VARCHAR,                 -- what --resume goes on after: the last id, or the page's number and size
    fetched_at TIMESTAMP NOT NULL,
    PRIMARY KEY (stream, file)
);

-- One row a stream and store that claims to be a full listing. Only complete = true is a licence to disable (section 8).
CREATE TABLE run.coverage (
    stream     VARCHAR NOT NULL,
    store_code VARCHAR NOT NULL,
    complete   BOOLEAN NOT NULL,
    rows       BIGINT NOT NULL,         -- distinct rows read
    expected   BIGINT,                  -- total_count of the shop at the end of reading
    reason     VARCHAR,                 -- why it is not complete
    PRIMARY KEY (stream, store_code)
);

-- One row a product that the full listing did not contain and that was asked for again by id (section 8, second look).
CREATE TABLE run.second_look (remote_id VARCHAR PRIMARY KEY, found BOOLEAN NOT NULL, asked_at TIMESTAMP NOT NULL);

-- One row a SKU that was asked for by stockStatuses/{sku} and had no usable answer; gone: the filtered list has it no more.
CREATE TABLE run.stock_misses (sku VARCHAR PRIMARY KEY, product_id VARCHAR, gone BOOLEAN NOT NULL, reason VARCHAR NOT NULL, asked_at TIMESTAMP NOT NULL);

-- One row a record that was rejected, quarantined, dropped or held, with the reason (invariants 8 and 10).
CREATE TABLE run.issues (
    phase     VARCHAR NOT NULL,         -- extract, transform, load
    kind      VARCHAR NOT NULL,         -- rejected, quarantined, dropped, held; ignored: `rejects ignore` asked for it, and it counts for nothing
    entity    VARCHAR NOT NULL,         -- products, sell_orders, sell_order_lines, or a stream
    remote_id VARCHAR,
    sku       VARCHAR,
    attribute VARCHAR,
    value     VARCHAR,
    reason    VARCHAR NOT NULL
);

-- One row a file of transform/sql that ran, with its text: rows of its table, or of its _check.sql (0 is good).
CREATE TABLE run.steps (file VARCHAR PRIMARY KEY, checked BOOLEAN NOT NULL, rows BIGINT, seconds DOUBLE, sample VARCHAR, text VARCHAR);

-- One row a product that Optiply was known to hold when the run began.
CREATE TABLE before.products (
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
    change            BIGINT            -- the ledger row that made it so
);

-- One row a sell order that Optiply was known to hold when the run began.
CREATE TABLE before.sell_orders (
    remote_id   VARCHAR PRIMARY KEY,
    optiply_id  VARCHAR NOT NULL,
    uuid        VARCHAR,
    placed      TIMESTAMP,
    completed   TIMESTAMP,
    total_value DECIMAL(19, 2),
    change      BIGINT
);
