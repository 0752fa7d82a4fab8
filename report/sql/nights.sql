-- purpose: rows read and changes of the last 30 nights, with what is usual on their weekday, reckoned as transform/sql/540_plan_guards.sql
--          does it; the run itself is not among them
-- inputs:  before.history, run.info, run.settings
-- output:  the rows it answers
-- grain:   one row a figure and day of the last 30, today included; sent is NULL where nothing was loaded, and unsent what runs had that
--          were not loaded; low and high are NULL until 14 nights are known
WITH width AS (
    SELECT coalesce(any_value(CASE value WHEN 'off' THEN 6 WHEN 'on' THEN 6 ELSE value::DOUBLE END), 6) AS width FROM run.settings WHERE name = 'guards.band'
),
today AS (SELECT started_at::DATE AS today FROM run.info),
figure AS (
    FROM (VALUES ('rows', NULL, 'read'), ('product_creates', 'products', 'create'), ('product_updates', 'products', 'update'), ('sell_orders', 'sell_orders', 'create')) f(figure, entity, op)
),
day AS (
    SELECT started_at::DATE AS day, bool_or(loaded) AS loaded FROM before.history GROUP BY ALL
),
night AS (
    SELECT f.figure, d.day, d.loaded, d.day < t.today AND d.loaded AS counts,
        coalesce(sum(h.changes) FILTER (h.loaded), CASE WHEN any_value(d.loaded) THEN 0 END) AS sent, sum(h.changes) FILTER (NOT h.loaded) AS unsent
    FROM figure f CROSS JOIN day d CROSS JOIN today t
    LEFT JOIN before.history h ON h.started_at::DATE = d.day AND h.op = f.op AND (f.entity IS NULL OR h.entity = f.entity)
    GROUP BY ALL
),
distance AS (
    SELECT *, abs(sent - median(sent) FILTER (counts) OVER (PARTITION BY figure, dayname(day))) AS off FROM night
),
pooled AS (SELECT figure, count(*) FILTER (counts) AS nights, median(off) FILTER (counts) AS spread FROM distance GROUP BY figure),
usual AS (
    SELECT d.figure, dayname(d.day) AS weekday, median(d.sent) FILTER (d.counts) AS middle, count(*) FILTER (d.counts) AS same_nights,
        greatest(1.4826 * median(d.off) FILTER (d.counts), 1.4826 * any_value(p.spread), 0.1 * middle, sqrt(middle)) * any_value(w.width) AS width
    FROM distance d JOIN pooled p USING (figure) CROSS JOIN width w
    WHERE p.nights >= 14
    GROUP BY ALL
)
SELECT f.figure, c.day::DATE AS day, n.sent::BIGINT AS sent, n.unsent::BIGINT AS unsent,
    CASE WHEN u.same_nights >= 2 THEN greatest(0, ceil(u.middle - u.width))::BIGINT END AS low,
    CASE WHEN u.same_nights >= 2 THEN floor(u.middle + u.width)::BIGINT END AS high
FROM figure f CROSS JOIN today t CROSS JOIN LATERAL (SELECT unnest(range(t.today - INTERVAL 29 DAY, t.today + INTERVAL 1 DAY, INTERVAL 1 DAY)) AS day) c
LEFT JOIN night n ON n.figure = f.figure AND n.day = c.day::DATE
LEFT JOIN usual u ON u.figure = f.figure AND u.weekday = dayname(c.day)
ORDER BY list_position(['rows', 'product_creates', 'product_updates', 'sell_orders'], f.figure), c.day
