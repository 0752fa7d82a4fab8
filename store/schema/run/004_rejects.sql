-- purpose: what was refused before and what was decided about it, by which the plan withholds requests
-- grain:   stated at the table

-- One row a product or order that an earlier run could not bring to Optiply (`rejects retry`, `rejects ignore`).
CREATE TABLE before.rejects (
    entity      VARCHAR NOT NULL,
    remote_id   VARCHAR NOT NULL,
    cause       VARCHAR,
    change_hash VARCHAR,                -- of what was to be sent, as in plan.candidates
    status      INTEGER,
    reason      VARCHAR NOT NULL,
    decision    VARCHAR,                -- retry, ignore
    PRIMARY KEY (entity, remote_id)
);
