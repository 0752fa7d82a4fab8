package recording

import (
	"database/sql"
	"fmt"
)

// exportSource begins the source of what the bulk listing of salable quantities answered.
const exportSource = "export-stock-salable-qty/"

// shortCutsSQL are the products whose stock was not asked for SKU by SKU, with what is known of it: of bulk ones the rows of the two
// bulk listings, of kept ones the answer of an earlier run.
const shortCutsSQL = `
	WITH export AS (
		SELECT key AS sku, item ->> 'qty' AS qty, item ->> 'is_salable' AS is_salable FROM raw.stock_statuses
		WHERE (item ->> 'source') LIKE '` + exportSource + `%'
		QUALIFY row_number() OVER (PARTITION BY key ORDER BY fetched_at DESC) = 1),
	listed AS (SELECT key AS remote_id, item::VARCHAR AS item FROM raw.stock_items QUALIFY row_number() OVER (PARTITION BY key ORDER BY fetched_at DESC) = 1)
	SELECT p.remote_id, p.sku, p.way, CASE p.way WHEN 'bulk' THEN e.qty ELSE a.salable_qty::VARCHAR END AS qty,
		try_cast(CASE p.way WHEN 'bulk' THEN e.qty ELSE a.salable_qty::VARCHAR END AS DECIMAL(24, 8)) AS number,
		CASE p.way WHEN 'bulk' THEN e.is_salable ELSE 'true' END AS is_salable,
		CASE p.way WHEN 'bulk' THEN l.item ELSE json_object('product_id', p.remote_id::BIGINT, 'qty', a.physical_qty, 'manage_stock', a.manage_stock)::VARCHAR END AS item
	FROM run.stock_plan p
	LEFT JOIN export e ON e.sku = p.sku
	LEFT JOIN listed l USING (remote_id)
	LEFT JOIN before.stock_answers a USING (remote_id)
	WHERE p.way <> 'skus' AND try_cast(p.remote_id AS BIGINT) IS NOT NULL`

// shortCuts has the shop answer for such a product by its SKU too, with the same numbers: the program compares the two.
func (w *streamWriter) shortCuts() error {
	if w.schema < sinceWays {
		return nil
	}
	kept := 0
	for from := 0; ; from += rowsPerQuery {
		n, err := w.shortCutsFrom(from, &kept)
		if err != nil {
			return err
		}
		if n < rowsPerQuery {
			break
		}
	}
	if kept > 0 {
		w.lose("the stock of %d products was kept from an earlier run (sync.stock_refresh: changed); it is asked for, and a plan that names where a quantity came from says so", kept)
	}
	return nil
}

func (w *streamWriter) shortCutsFrom(from int, kept *int) (n int, err error) {
	rows, err := w.run.DB.QueryContext(w.ctx, fmt.Sprintf(`SELECT remote_id, sku, way, coalesce(trunc(number)::BIGINT, 0), coalesce(is_salable = 'true', false), item
		FROM (%s ORDER BY remote_id LIMIT %d OFFSET %d)`, shortCutsSQL, rowsPerQuery, from))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var id, sku, way string
		var qty int64
		var salable bool
		var item sql.NullString
		if err := rows.Scan(&id, &sku, &way, &qty, &salable, &item); err != nil {
			return n, err
		}
		if way == "kept" {
			*kept++
		}
		if !item.Valid {
			item.String = "null"
		}
		status := 0
		if salable {
			status = 1
		}
		w.adds(fmt.Sprintf(`{"sku":%s,"answer":{"product_id":%s,"stock_id":1,"qty":%d,"stock_status":%d,"stock_item":%s}}`, quoted(sku), id, qty, status, item.String))
	}
	return n, rows.Err()
}

// writeSalable writes the bulk listing of salable quantities, as far as it counted, and the one stock that its website sells from.
func (w *writer) writeSalable() error {
	if w.website == "" {
		return nil
	}
	stocks := newLineFile(w.dir, "stocks")
	defer stocks.discard()
	err := stocks.add(fmt.Appendf(nil, `{"stock_id":1,"name":"Default Stock","extension_attributes":{"sales_channels":[{"type":"website","code":%s}]}}`, quoted(w.website)))
	if err == nil {
		_, err = stocks.close()
	}
	if err != nil {
		return fmt.Errorf("record stocks: %w", err)
	}
	file := newLineFile(w.dir, "salable")
	defer file.discard()
	for from := 0; ; from += rowsPerQuery {
		lines, err := w.column(fmt.Sprintf(`SELECT (json_object('sku', sku)::VARCHAR)[2:-2] || ',"qty":' || qty || ',"is_salable":' || is_salable
			FROM (%s AND p.way = 'bulk' AND e.qty IS NOT NULL AND e.is_salable IS NOT NULL ORDER BY remote_id LIMIT %d OFFSET %d)`, shortCutsSQL, rowsPerQuery, from))
		if err != nil {
			return fmt.Errorf("record salable: %w", err)
		}
		for _, line := range lines {
			if err := file.add(fmt.Appendf(nil, `{"website":%s,%s}`, quoted(w.website), line)); err != nil {
				return fmt.Errorf("record salable: %w", err)
			}
		}
		if len(lines) < rowsPerQuery {
			break
		}
	}
	size, err := file.close()
	if err == nil && file.records > 0 {
		w.result.Streams = append(w.result.Streams, Stream{Name: "salable", Records: file.records, Bytes: size})
	}
	return err
}
