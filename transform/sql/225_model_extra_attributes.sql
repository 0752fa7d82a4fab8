-- purpose: attributes of a product beyond the table of section 7, by their names at Optiply. There are none: this file is
--          the place where a shop's own mapping puts them (docs/change-a-mapping.md). Values are text, whole numbers or booleans;
--          one that is NULL is not sent
-- inputs:  none; a shop's own copy reads the products of stage
-- output:  model.extra_attributes
-- grain:   one row a product that has any

CREATE OR REPLACE TABLE model.extra_attributes (remote_id VARCHAR, attributes JSON);
