-- purpose: what `adopt` took over from Optiply, and what it found there and could not take over
-- grain:   stated at each table

-- One row an adoption that changed something, and the first in any case: a shop without one does not write to an account
-- that holds products already.
CREATE TABLE adoptions (
    adoption    VARCHAR PRIMARY KEY,    -- as in ledger.run_id of its events
    adopted_at  TIMESTAMP NOT NULL,
    products    BIGINT NOT NULL,        -- rows of this file that it changed
    sell_orders BIGINT NOT NULL
);

-- One row a thing at Optiply that was not taken over, and a thing of the shop that it may be: by id, by SKU (only where
-- adopt was asked to match by it), or an order by its date and value. What may be there already is not created.
CREATE TABLE unadopted (
    entity      VARCHAR NOT NULL,       -- products, sell_orders
    optiply_id  VARCHAR NOT NULL,
    remote_id   VARCHAR,
    sku_code    VARCHAR,
    placed      TIMESTAMP,
    total_value DECIMAL(19, 2),
    reason      VARCHAR NOT NULL        -- what of it is the same
);
