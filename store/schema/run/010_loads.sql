-- purpose: which loads of this run began to send. The state has the same row, written first (state.loads): one that it lacks
--          means that an older state was put back
-- grain:   one row a load

CREATE TABLE run.loads (
    began_at TIMESTAMP PRIMARY KEY
);
