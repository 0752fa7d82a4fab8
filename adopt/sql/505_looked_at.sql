-- purpose: the products of the state that a reconciliation looks at: all, or a sample. A sample is every sample_of-th block of
--          products by their id at Optiply, so that it is read by page, and is another for each sample_number: sample_of of them see
--          all. New products have greater ids, so that a product stays in its block
-- inputs:  state.products; variables sample_of (1: all), sample_number
-- output:  adopt.looked_at
-- grain:   one row a product; after_id is the id before it in the state, NULL for the first

CREATE OR REPLACE TABLE adopt.looked_at AS
WITH size AS (
    SELECT greatest(least(getvariable('sample_of'), count(*)), 1) AS samples,
           -- A page, or less where there would be fewer blocks than samples. A power of two, so that it seldom changes as a shop grows.
           CASE WHEN count(*) >= 100 * samples THEN 100 ELSE pow(2, floor(log2(greatest(count(*) / samples, 1))))::BIGINT END AS block_size
    FROM state.products
),
ranked AS (
    SELECT remote_id, optiply_id, row_number() OVER by_id - 1 AS position, lag(optiply_id) OVER by_id AS after_id
    FROM state.products WINDOW by_id AS (ORDER BY optiply_id::BIGINT)
)
SELECT remote_id, optiply_id, position // block_size AS block, after_id
FROM ranked, size
WHERE (position // block_size) % samples = getvariable('sample_number') % samples
ORDER BY position;
