-- purpose: the products as Optiply should hold them, by the table of section 7
-- inputs:  stage.products, model.stock_levels, model.claimed, before.products
-- output:  model.products
-- grain:   one row a product (remote_id is the Magento id as text) that this run listed and could read, and, in a run
--          that did not read the whole listing, each carried product whose stock was looked up again
-- note:    a value that this run has no news of is the one that Optiply holds already (before.products); what is
--          mandatory on a create and not known holds the create by name: held_because

CREATE OR REPLACE TABLE model.products AS
WITH listed AS (
    SELECT
        p.product_id::VARCHAR                                    AS remote_id,
        -- replace takes 0.2 µs a name, and looking whether it has to a twentieth of that.
        CASE WHEN length(p.name) > 255 OR contains(p.name, chr(13)) OR contains(p.name, chr(10))
             THEN left(replace(replace(p.name, chr(13), ''), chr(10), ''), 255) ELSE p.name END AS name,
        p.sku                                                    AS sku_code,
        p.product_id::VARCHAR                                    AS article_code,
        cents_of(p.price)::DECIMAL(18, 2)                        AS price,
        CASE WHEN p.type_id <> 'simple' THEN true ELSE NOT s.manage_stock END AS unlimited_stock,
        CASE WHEN p.type_id <> 'simple' THEN 0 ELSE s.stock_level END AS stock_level,
        CASE p.status WHEN 1 THEN 'enabled' WHEN 2 THEN 'disabled' END AS status,
        p.created_at                                             AS created_at_remote,
        CASE WHEN p.type_id = 'simple' THEN s.came_from END      AS stock_from,
        CASE WHEN p.type_id = 'simple' AND p.status = 1 THEN coalesce(s.unknown_because, '') ELSE '' END AS unknown_because,
        true                                                     AS is_listed
    FROM stage.products p
    LEFT JOIN model.stock_levels s ON s.remote_id::BIGINT = p.product_id
    WHERE len(p.problems) = 0
),
carried AS (
    SELECT b.remote_id, b.name, b.sku_code, b.article_code, b.price, NOT s.manage_stock AS unlimited_stock, s.stock_level,
           b.status, b.created_at_remote, s.came_from AS stock_from,
           -- What is gone has no stock, and nothing is left out: the deletion set is the place for it.
           CASE WHEN s.is_gone THEN '' ELSE coalesce(s.unknown_because, '') END AS unknown_because, false AS is_listed
    FROM model.stock_levels s
    JOIN before.products b USING (remote_id)
    WHERE NOT getvariable('products_full')
      AND s.remote_id NOT IN (SELECT product_id::VARCHAR FROM stage.products WHERE product_id IS NOT NULL)
),
news AS (SELECT * FROM listed UNION ALL SELECT * FROM carried)
SELECT
    n.remote_id,
    b.optiply_id,
    n.name,
    n.sku_code,
    n.article_code,
    coalesce(n.price, b.price)                                       AS price,
    -- On a create both stock attributes are mandatory. A disabled product's stock is not asked for: it is created with 0
    -- and not unlimited, and neither is sent until it is enabled. With map_stockLevel: false every create sends 0, once.
    coalesce(n.unlimited_stock, b.unlimited_stock, CASE WHEN n.status = 'disabled' THEN false END) AS unlimited_stock,
    CASE WHEN getvariable('stock_mode') = 'off' THEN coalesce(b.stock_level, 0)
         ELSE coalesce(n.stock_level, b.stock_level, CASE WHEN n.status = 'disabled' THEN 0 END) END AS stock_level,
    n.status,
    coalesce(n.created_at_remote, b.created_at_remote)               AS created_at_remote,
    n.stock_from,
    n.is_listed,
    CASE WHEN c.reason IS NOT NULL THEN c.reason
         WHEN b.remote_id IS NULL AND n.unknown_because <> ''
         THEN 'its stock is not known, and a create needs one: ' || n.unknown_because END AS held_because,
    CASE WHEN b.remote_id IS NOT NULL AND getvariable('sync_stocks') THEN nullif(n.unknown_because, '') END AS stock_unchanged_because
FROM news n
LEFT JOIN before.products b USING (remote_id)
LEFT JOIN model.claimed c ON c.entity = 'products' AND c.remote_id = n.remote_id;
