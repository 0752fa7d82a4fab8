-- purpose: is the order on the list of what could not be brought to Optiply (`rejects`)
-- inputs:  state.parked; variable remote_id
-- output:  cause, kind, reason, since when and how often, what a person decided
-- grain:   one row, or none
SELECT cause, kind, op, status, reason, first_at, last_at, times, decision
FROM state.parked WHERE entity = 'sell_orders' AND remote_id = getvariable('remote_id');
