-- purpose: what adopt found at Optiply and could not take over, as the state knew it when the run began
-- grain:   one row a thing at Optiply and what of the shop's it may be, as in state.unadopted

CREATE TABLE before.unadopted (
    entity      VARCHAR NOT NULL,
    optiply_id  VARCHAR NOT NULL,
    remote_id   VARCHAR,
    sku_code    VARCHAR,
    placed      TIMESTAMP,
    total_value DECIMAL(19, 2),
    reason      VARCHAR NOT NULL
);
