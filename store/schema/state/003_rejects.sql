-- purpose: what waits keeps what was sent for it and what Optiply answered, and what a person has decided about it
-- grain:   columns of parked

ALTER TABLE parked ADD COLUMN cause VARCHAR;       -- why, as one word to filter by; docs/rejects.md lists them
ALTER TABLE parked ADD COLUMN op VARCHAR;          -- create, update, disable; NULL where nothing was to be sent
ALTER TABLE parked ADD COLUMN change_hash VARCHAR; -- names what was to be sent, as plan.candidates does; without a request, the reason
ALTER TABLE parked ADD COLUMN body VARCHAR;        -- the attributes as they were sent last
ALTER TABLE parked ADD COLUMN status INTEGER;      -- HTTP status of the answer
ALTER TABLE parked ADD COLUMN decision VARCHAR;    -- retry: to be sent once more; ignore: off the list until it changes
ALTER TABLE parked ADD COLUMN decided_at TIMESTAMP;
