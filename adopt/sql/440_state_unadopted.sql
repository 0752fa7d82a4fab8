-- purpose: what could not be taken over is held from now on; what an earlier adoption held and this one could tell is not any more
-- inputs:  adopt.unadopted
-- output:  state.unadopted
-- grain:   one row as in adopt.unadopted

DELETE FROM state.unadopted;
INSERT INTO state.unadopted BY NAME SELECT entity, optiply_id, remote_id, sku_code, placed, total_value, reason FROM adopt.unadopted;
