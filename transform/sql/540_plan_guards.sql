-- purpose: the guards over the whole load: a plan that is out of the ordinary is held until a person has looked at it. Two of each
--          figure: an absolute ceiling from the settings (max_*), and the band of the same weekday (band_*). Products that are
--          disabled have a ceiling of their own, which holds them alone: 310_diff_deletions.sql
-- inputs:  plan.changes, before.history, run.info; variables guard_width, max_product_creates, max_product_updates, max_sell_orders,
--          sync_products, sync_stocks, sync_sell_orders
-- output:  plan.guards
-- grain:   one row a guard, whether it holds or not; figure is what it compares, low and high are the edges, NULL where there is none

CREATE OR REPLACE TABLE plan.guards AS
WITH figure AS (
    SELECT g.*, count(c.seq) AS planned, any_value(i.started_at)::DATE AS today
    FROM run.info i, (VALUES
        ('product_creates', 'products', 'create', 'new products', getvariable('max_product_creates'), getvariable('sync_products')),
        ('product_updates', 'products', 'update', 'product updates', getvariable('max_product_updates'), getvariable('sync_products') OR getvariable('sync_stocks')),
        ('sell_orders', 'sell_orders', 'create', 'sell orders', getvariable('max_sell_orders'), getvariable('sync_sell_orders'))
    ) g(name, entity, op, noun, ceiling, worked_on)
    LEFT JOIN plan.changes c ON c.entity = g.entity AND c.op = g.op
    GROUP BY ALL
),
-- A night is all that was loaded on one day, because a shop may be run in parts, or every half hour.
day AS (
    SELECT started_at::DATE AS day, count(DISTINCT run_id) AS runs FROM before.history WHERE loaded GROUP BY ALL
),
night AS (
    SELECT f.name, f.today, d.day, d.runs, coalesce(sum(h.changes), 0) AS changes, d.day < f.today AS past, dayname(d.day) = dayname(f.today) AS same
    FROM figure f CROSS JOIN day d
    LEFT JOIN before.history h ON h.loaded AND h.started_at::DATE = d.day AND h.entity = f.entity AND h.op = f.op
    GROUP BY ALL
),
-- How far each night was from the median of its weekday.
distance AS (
    SELECT *, abs(changes - median(changes) FILTER (past) OVER (PARTITION BY name, dayname(day))) AS off FROM night
),
usual AS (
    SELECT name, count(*) FILTER (past) AS nights, count(*) FILTER (past AND same) AS same_nights,
        median(changes) FILTER (past AND same) AS middle,
        median(off) FILTER (past AND same) AS spread_same, median(off) FILTER (past) AS spread_all,
        coalesce(median(runs) FILTER (past), 0) AS runs_a_night,
        coalesce(sum(changes) FILTER (NOT past), 0) AS earlier, count(*) FILTER (NOT past) > 0 AS loaded_today,
        -- After nights that failed or were held there is as much more to do.
        greatest(1, coalesce(date_diff('day', max(day), any_value(today)), 1)) AS waited
    FROM distance GROUP BY name
),
edge AS (
    -- 1.4826 makes a median absolute deviation what a standard deviation is where values scatter as usual. Of two nights it
    -- says little, so that the other weekdays' count as well, and a tenth of the median, and what chance alone does.
    SELECT f.*, u.*, greatest(1.4826 * spread_same, 1.4826 * spread_all, 0.1 * middle, sqrt(middle)) * getvariable('guard_width') AS width,
        CASE WHEN getvariable('guard_width') = 0 THEN 'the band is off'
             WHEN coalesce(nights, 0) < 14 THEN 'the band is off until 14 nights are known; there are ' || coalesce(nights, 0)
             WHEN same_nights < 2 THEN 'the band is off: of this weekday only ' || same_nights || ' nights are known'
             WHEN NOT worked_on THEN 'not a part of this run' END AS off_because
    FROM figure f LEFT JOIN usual u USING (name)
),
guard AS (
    SELECT 'max_' || name AS name, entity, op, planned AS figure, NULL::BIGINT AS low, nullif(ceiling, 0) AS high,
        CASE WHEN ceiling > 0 AND planned > ceiling
                 THEN format('this run would send {:,} {}, and guards.max_{} is {:,}', planned, noun, name, ceiling) END AS held_because,
        CASE WHEN ceiling > 0 THEN format('at most {:,} in one run', ceiling) ELSE 'there is no ceiling' END AS otherwise
    FROM figure
    UNION ALL
    SELECT 'band_' || name, entity, op, (planned + coalesce(earlier, 0))::BIGINT AS figure,
        -- Too few is a sign that something was not read. It is judged where a night is one run, and by the first of the day.
        CASE WHEN off_because IS NULL AND runs_a_night = 1 AND NOT loaded_today AND middle - width > 0 THEN ceil(middle - width)::BIGINT END AS low,
        -- A hundred always pass.
        CASE WHEN off_because IS NULL THEN greatest(100, floor((middle + width) * waited))::BIGINT END AS high,
        CASE WHEN figure NOT BETWEEN coalesce(low, 0) AND high
                 THEN format('{:,} {}{}, and on a {} {} to {:,} are usual (median {:,} of {} nights{})', figure, noun,
                             CASE WHEN earlier > 0 THEN format(' today, {:,} of them in this run', planned) ELSE ' in this run' END,
                             dayname(f.today), format('{:,}', coalesce(low, 0)), high, round(middle)::BIGINT, same_nights,
                             CASE WHEN waited > 1 THEN format('; {} nights have gathered', waited) ELSE '' END) END,
        coalesce(off_because, format('on a {} {:,} to {:,} are usual', dayname(f.today), coalesce(low, 0), high))
    FROM edge f
)
SELECT name, entity, op, figure, low, high, held_because IS NOT NULL AS holds, coalesce(held_because, otherwise) AS reason
FROM guard ORDER BY name DESC;
