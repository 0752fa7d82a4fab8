-- purpose: which loads began to send, as run.loads of their runs has it too: a row there that is missing here means that this
--          file was put back from a copy of before, and knows nothing of what that load created
-- grain:   one row a load

CREATE TABLE loads (
    run_id   VARCHAR NOT NULL,
    began_at TIMESTAMP NOT NULL,
    PRIMARY KEY (run_id, began_at)
);
