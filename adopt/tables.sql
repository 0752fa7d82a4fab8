-- purpose: where an adoption works: a database in memory, thrown away when it ends
-- grain:   stated at each table

ATTACH IF NOT EXISTS ':memory:' AS adopt;

-- One row a product or sell order of the account, as Optiply answers it. remote_id is the one under our coupling.
CREATE OR REPLACE TABLE adopt.there (entity VARCHAR NOT NULL, optiply_id VARCHAR NOT NULL, uuid VARCHAR, remote_id VARCHAR, attributes VARCHAR NOT NULL);

-- One row a line of a snapshot of the notebook.
CREATE OR REPLACE TABLE adopt.snapshot (entity VARCHAR NOT NULL, remote_id VARCHAR NOT NULL, optiply_id VARCHAR NOT NULL, place VARCHAR NOT NULL);

-- One row a product or order of the shop; empty where no run has read it.
CREATE OR REPLACE TABLE adopt.products_here (remote_id VARCHAR, sku VARCHAR);
CREATE OR REPLACE TABLE adopt.sell_orders_here (remote_id VARCHAR, placed TIMESTAMP, total_value DECIMAL(19, 2));
