-- purpose: tables of as many rows as the shop has products without an index on them: each is filled by one statement that gives
--          each row once, nothing looks a row up by its key, and the index took most of the time and half of the memory
-- grain:   as before

ALTER TABLE before.products RENAME TO products_with_key;
CREATE TABLE before.products (
    remote_id         VARCHAR NOT NULL,
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
    change            BIGINT,           -- the ledger row that made it so
    extra             JSON              -- as in the state
);
INSERT INTO before.products FROM before.products_with_key;
DROP TABLE before.products_with_key;

ALTER TABLE before.sell_orders RENAME TO sell_orders_with_key;
CREATE TABLE before.sell_orders (
    remote_id   VARCHAR NOT NULL,
    optiply_id  VARCHAR NOT NULL,
    uuid        VARCHAR,
    placed      TIMESTAMP,
    completed   TIMESTAMP,
    total_value DECIMAL(19, 2),
    change      BIGINT
);
INSERT INTO before.sell_orders FROM before.sell_orders_with_key;
DROP TABLE before.sell_orders_with_key;

ALTER TABLE before.stock_answers RENAME TO stock_answers_with_key;
CREATE TABLE before.stock_answers (
    remote_id    VARCHAR NOT NULL,
    sku          VARCHAR NOT NULL,
    store_code   VARCHAR NOT NULL,
    salable_qty  DECIMAL(24, 8),
    physical_qty DECIMAL(24, 8),
    manage_stock BOOLEAN NOT NULL,
    source       VARCHAR NOT NULL,
    asked_at     TIMESTAMP NOT NULL,
    fingerprint  VARCHAR
);
INSERT INTO before.stock_answers FROM before.stock_answers_with_key;
DROP TABLE before.stock_answers_with_key;

ALTER TABLE run.stock_plan RENAME TO stock_plan_with_key;
CREATE TABLE run.stock_plan (
    remote_id   VARCHAR NOT NULL,
    sku         VARCHAR NOT NULL,
    way         VARCHAR NOT NULL DEFAULT 'skus',
    fingerprint VARCHAR                 -- of its rows in the bulk listings; NULL where they were not compared
);
INSERT INTO run.stock_plan FROM run.stock_plan_with_key;
DROP TABLE run.stock_plan_with_key;
