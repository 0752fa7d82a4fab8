-- purpose: by which way this run came to each product's stock, and what Magento had said of it before
-- grain:   stated at each table

-- What else is to be known of a stream, such as why the bulk listings were not used; nothing is missing.
ALTER TABLE run.streams ADD COLUMN note VARCHAR;

-- One row a product whose stock this run needs, and the way to it. skus: asked for by stockStatuses/{sku}; bulk: taken from
-- the bulk listings; kept: its last answer is in before.stock_answers, and cannot have changed.
CREATE TABLE run.stock_plan (
    remote_id   VARCHAR PRIMARY KEY,
    sku         VARCHAR NOT NULL,
    way         VARCHAR NOT NULL DEFAULT 'skus',
    fingerprint VARCHAR                 -- of its rows in the bulk listings; NULL where they were not compared
);

-- One row a short cut to the stock that was looked at, so that a resumed run takes the same: bulk, changed.
CREATE TABLE run.stock_ways (
    way       VARCHAR PRIMARY KEY,
    used      BOOLEAN NOT NULL,
    website   VARCHAR,                  -- whose stock the salable quantities are of
    products  BIGINT,                   -- how many products the pages of its listing are cut from
    page_size BIGINT,
    reason    VARCHAR                   -- why it is not used, where a person should know
);

-- One row a product: what Magento said of its stock last, as known when the run began (state.stock_answers).
CREATE TABLE before.stock_answers (
    remote_id    VARCHAR PRIMARY KEY,
    sku          VARCHAR NOT NULL,
    store_code   VARCHAR NOT NULL,
    salable_qty  DECIMAL(24, 8),
    physical_qty DECIMAL(24, 8),
    manage_stock BOOLEAN NOT NULL,
    source       VARCHAR NOT NULL,
    asked_at     TIMESTAMP NOT NULL,
    fingerprint  VARCHAR
);
