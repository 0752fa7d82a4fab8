-- purpose: the state does not claim a product that Optiply does not have, so that the next diff creates it
-- inputs:  adopt.corrected
-- output:  state.products
-- grain:   one row a product that is gone; there are none without load.recreate_missing

DELETE FROM state.products WHERE remote_id IN (SELECT remote_id FROM adopt.corrected WHERE kind = 'gone');
