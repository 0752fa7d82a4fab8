-- purpose: what the guards compare a plan with, and what a person let go all the same
-- grain:   stated at each table

-- One row a run of the last ten weeks, entity and operation, as state.runs knew it when this run began: how many changes its
-- plan had (op create, update, disable), or how many rows were read of a stream (op read; entity is the stream).
CREATE TABLE before.history (
    run_id     VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    exit_code  INTEGER NOT NULL,
    loaded     BOOLEAN NOT NULL,        -- its plan was sent to the end; false: it failed, was held, or was never to be loaded
    entity     VARCHAR NOT NULL,
    op         VARCHAR NOT NULL,
    changes    BIGINT NOT NULL,
    PRIMARY KEY (run_id, entity, op)
);

-- One row a guard that held this run's plan and that `load --release` let it pass.
CREATE TABLE run.releases (
    name        VARCHAR NOT NULL,       -- as in plan.guards
    plan_hash   VARCHAR NOT NULL,       -- of the plan that was let go
    released_at TIMESTAMP NOT NULL,
    PRIMARY KEY (name, plan_hash)
);

-- A run that was begun before there were guards has none.
INSERT OR IGNORE INTO run.settings
SELECT name, value FROM (VALUES ('guards.band', 'off'), ('guards.max_product_creates', '0'), ('guards.max_product_updates', '0'), ('guards.max_sell_orders', '0')) s(name, value)
WHERE EXISTS (FROM run.settings);
