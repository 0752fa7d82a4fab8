-- purpose: what Optiply was known to hold of a product beyond the table of DESIGN.md section 7
-- grain:   a column of before.products

ALTER TABLE before.products ADD COLUMN extra JSON;   -- as in the state
