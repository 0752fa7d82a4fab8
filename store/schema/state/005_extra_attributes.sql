-- purpose: what a shop's own mapping sends of a product beyond the table of DESIGN.md section 7 (model.extra_attributes)
-- grain:   a column of products

ALTER TABLE products ADD COLUMN extra JSON;   -- an object of the attributes last acknowledged, by their names at Optiply; NULL: none
