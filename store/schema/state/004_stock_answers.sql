-- purpose: what Magento said last of each product's stock, so that a run need not ask again for what cannot have changed
-- grain:   stated at the table

-- One row a product whose stock was answered in a run that was loaded. It is the answer, not what Optiply acknowledged: a
-- change that Optiply rejected is worked out again from it. A product whose last answer was none has no row.
CREATE TABLE stock_answers (
    remote_id    VARCHAR PRIMARY KEY,
    sku          VARCHAR NOT NULL,       -- that was asked for
    store_code   VARCHAR NOT NULL,       -- under which it was asked: salable quantity is that of its website's stock
    salable_qty  DECIMAL(24, 8),         -- NULL where the answer did not hold it
    physical_qty DECIMAL(24, 8),
    manage_stock BOOLEAN NOT NULL,
    source       VARCHAR NOT NULL,       -- the endpoint that answered
    asked_at     TIMESTAMP NOT NULL,
    fingerprint  VARCHAR,                -- of the product's rows in the bulk listings, read before it was asked for
    run_id       VARCHAR NOT NULL
);
