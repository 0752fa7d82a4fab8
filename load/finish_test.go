package load

import (
	"net/http"
	"testing"

	"magento-optiply/optiply/sandbox"
)

const bookmarks = "SELECT concat_ws(' ', stream, store_code, value, run_id) FROM state.bookmarks ORDER BY ALL"

func TestFinish_BookmarksMoveOnlyAtTheEnd(t *testing.T) {
	b := newBench(t)
	b.workers = 1
	b.fault(sandbox.Fault{Method: http.MethodPost, Skip: 1, Effect: sandbox.Answer, Status: 403})
	b.plan(create("1"), create("2"))
	b.hook(func(*http.Request, string) {
		if n := len(b.rows("SELECT stream FROM state.bookmarks")); n != 0 {
			t.Error("a bookmark moved before the load ended")
		}
	})
	b.stops()
	b.same("bookmarks of a load that stopped", b.rows(bookmarks), nil)
	b.same("loaded_at", b.rows("SELECT 'loaded' FROM run.info WHERE loaded_at IS NOT NULL"), nil)
	b.mustLoad()
	b.same("bookmarks", b.rows(bookmarks), []string{
		"deletions_full  2026-11-24 02:00:00 20261124T020000Z", "orders  2026-11-24 02:00:00 20261124T020000Z", "products  2026-11-24 02:00:00 20261124T020000Z", "products_full  2026-11-24 02:00:00 20261124T020000Z",
	})
	b.same("loaded_at", b.rows("SELECT 'loaded' FROM run.info WHERE loaded_at IS NOT NULL"), []string{"loaded"})
}

func TestFinish_BookmarksMoveForTheRunsPartsAndForWhatWasReadWhole(t *testing.T) {
	b := newBench(t)
	b.plan()
	b.exec("INSERT OR REPLACE INTO run.settings VALUES ('run.products', 'false'), ('run.deletions', 'false')")
	b.exec(`INSERT INTO run.streams (stream, store_code, part, window_end, complete) VALUES
		('orders', 'nl', 'window', '2026-11-24 01:00:00', false), ('orders', 'de', 'window', '2026-11-24 01:30:00', true), ('orders', '', 'ids', NULL, true)`)
	b.mustLoad()
	b.same("bookmarks", b.rows(bookmarks), []string{"orders  2026-11-24 02:00:00 20261124T020000Z", "orders de 2026-11-24 01:30:00 20261124T020000Z"})

	// A bookmark never goes back, whatever clock the shop has.
	b.plan()
	b.exec("UPDATE run.streams SET window_end = '2026-01-01 00:00:00'")
	b.exec("INSERT OR REPLACE INTO run.settings VALUES ('run.products', 'false'), ('run.deletions', 'false')")
	b.mustLoad()
	b.same("bookmarks", b.rows(bookmarks), []string{"orders  2026-11-24 02:00:00 20261124T020001Z", "orders de 2026-11-24 01:30:00 20261124T020000Z"})
}

// What is only staged waits for nothing of the load, whatever the run was for.
func TestFinish_BookmarksOfWhatIsOnlyStagedMoveWithTheLoad(t *testing.T) {
	b := newBench(t)
	b.plan()
	b.exec("INSERT OR REPLACE INTO run.settings VALUES ('run.products', 'false'), ('run.deletions', 'false'), ('run.sell_orders', 'false')")
	b.exec(`INSERT INTO run.streams (stream, store_code, part, window_end, complete) VALUES
		('invoices', 'nl', 'window', '2026-11-24 01:00:00', true), ('customers', '', 'window', '2026-11-24 01:00:00', false), ('coupons', '', 'full', NULL, true)`)
	b.mustLoad()
	b.same("bookmarks", b.rows(bookmarks), []string{"invoices nl 2026-11-24 01:00:00 20261124T020000Z"})
}

func TestFinish_ParksWhatWaitsAndForgetsWhatDoesNot(t *testing.T) {
	b := newBench(t)
	b.plan()
	b.exec(`INSERT INTO run.issues (phase, kind, entity, remote_id, sku, reason) VALUES
		('transform', 'held', 'products', '5', 'A-5', 'its stock is not known'),
		('transform', 'rejected', 'sell_orders', '70', NULL, 'its value cannot be read'),
		('transform', 'dropped', 'sell_order_lines', '71', 'X', 'its product is unknown'),
		('transform', 'held', 'products', '6', 'A-6', 'not disabled: over the ceiling'),
		('extract', 'quarantined', 'orders', '72', NULL, 'the shop answers 500')`)
	b.mustLoad()
	times := "SELECT concat_ws(' ', entity, remote_id, sku, kind, run_id, times, first_at = last_at) FROM state.parked ORDER BY ALL"
	b.same("parked", b.rows(times), []string{"products 5 A-5 held 20261124T020000Z 1 true", "sell_orders 70 rejected 20261124T020000Z 1 true", "sell_orders 72 held 20261124T020000Z 1 true"})
	b.mustLoad()
	b.same("parked, loaded twice", b.rows("SELECT times::VARCHAR FROM state.parked"), []string{"1", "1", "1"})

	// In the next run 5 still waits; 70 does not, and neither is in the plan.
	b.plan()
	b.exec(`INSERT INTO run.issues (phase, kind, entity, remote_id, sku, reason) VALUES ('transform', 'held', 'products', '5', 'A-5', 'its stock is not known')`)
	b.mustLoad()
	b.same("parked", b.rows(times), []string{"products 5 A-5 held 20261124T020001Z 2 false"})

	// A run that does not read products leaves their rows alone.
	b.plan()
	b.exec("INSERT OR REPLACE INTO run.settings VALUES ('run.products', 'false')")
	b.mustLoad()
	b.parked("products 5 held")
}

func TestFinish_KeepsTheIssuesOfOtherPhasesAndWritesItsOwnOnce(t *testing.T) {
	b := newBench(t)
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.Answer, Status: 400, Message: "no", Times: -1})
	b.plan(create("1"), create("2"))
	b.exec("INSERT INTO run.issues (phase, kind, entity, remote_id, reason) VALUES ('transform', 'rejected', 'products', '9', 'x')")
	b.mustLoad()
	b.mustLoad()
	b.same("run.issues", b.rows("SELECT concat_ws(' ', phase, kind, entity, remote_id, sku, reason) FROM run.issues ORDER BY ALL"),
		[]string{"load rejected products 2 SKU-2 POST products: 400: no", "transform rejected products 9 x"})
}
