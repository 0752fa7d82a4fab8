package load

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"magento-optiply/optiply/sandbox"
)

func TestLoad_DisablesThenCreatesThenUpdatesThenSendsOrders(t *testing.T) {
	b := newBench(t)
	b.workers = 4
	b.plan(create("1"), create("2"))
	b.mustLoad()

	var mu sync.Mutex
	var seen []string
	b.hook(func(r *http.Request, body string) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.Contains(body, "disabled"):
			seen = append(seen, "disable")
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			seen = append(seen, r.Method+" "+strings.Split(r.URL.Path, "/")[2])
		}
	})
	// As the plan's own order is by seq within a step, the steps are mixed here.
	b.plan(order("9", "20.00", "3", "2"), update("2", `{"stockLevel":4}`), create("3"), order("8", "10.00", "2"), create("4"), disable("1"))
	b.mustLoad()
	b.same("requests", seen, []string{"disable", "POST products", "POST products", "PATCH products", "POST sellOrders", "POST sellOrders"})
	b.has([]string{"status", "stockLevel"}, "1 status=disabled stockLevel=10", "2 status=enabled stockLevel=4", "3 status=enabled stockLevel=10", "4 status=enabled stockLevel=10")
	b.hasOrders("8", "9")
	b.agrees()
}

func TestLoad_LedgerRowIsThereBeforeItsRequestArrives(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"), order("7", "10.00", "1"))
	var mu sync.Mutex
	requests := 0
	b.hook(func(r *http.Request, body string) {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		requests++
		// Of another connection: what it sees has been committed.
		conn, err := b.run.DB.Conn(context.Background())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		var n int
		err = conn.QueryRowContext(context.Background(), `SELECT count(*) FROM state.ledger l
			WHERE l.state = 'sent' AND contains(?, l.body) AND l.body_hash = sha256(l.body) AND optiply_id IS NULL
			  AND NOT EXISTS (FROM state.ledger m WHERE m.entity = l.entity AND m.remote_id = l.remote_id AND m.seq > l.seq)`, body).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("%s %s: %d rows of the ledger (%v) for\n%s", r.Method, r.URL.Path, n, err, body)
		}
	})
	b.mustLoad()
	if requests != 3 {
		t.Errorf("%d requests were looked at", requests)
	}
}

func TestLoad_AnswerIsDurableTogetherWithTheStateRowBeforeItCounts(t *testing.T) {
	b := newBench(t)
	var changes []planned
	for i := range 3 * intentsAhead {
		changes = append(changes, create(fmt.Sprint(i+1)))
	}
	b.plan(changes...)
	job, counted := b.job(), 0
	var mu sync.Mutex
	job.Progress = counting(func() {
		mu.Lock()
		defer mu.Unlock()
		counted++
		if counted%50 != 1 {
			return
		}
		durable := len(b.rows(`SELECT s.remote_id FROM state.products s JOIN state.ledger l ON l.seq = s.change
			WHERE l.state = 'acknowledged' AND l.optiply_id = s.optiply_id AND l.status = 201 AND s.uuid IS NOT NULL`))
		if durable < counted {
			t.Errorf("%d changes have counted, and %d are durable", counted, durable)
		}
	})
	if _, err := job.Load(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if counted != len(changes) {
		t.Errorf("%d changes counted, want %d", counted, len(changes))
	}
	b.history("products", "1", "sent", "acknowledged")
	b.agrees()
}

// counting is a Progress that hears of each change that counts.
type counting func()

func (counting) Begin(string, int64)   {}
func (c counting) Add(_ string, n int) { c() }
func (counting) End(string)            {}

func TestLoad_MoneyAndIdsArriveAsTheyAre(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	var body string
	b.hook(func(r *http.Request, text string) {
		if strings.HasSuffix(r.URL.Path, "/sellOrders") && r.Method == http.MethodPost {
			body = text
		}
	})
	o := order("9007199254740993", "1234567890123.45")
	o.lines = []line{{"2", "3", "0.10"}, {"1", "12000000", "9999999999999.99"}}
	b.plan(o)
	b.mustLoad()
	ids := b.rows("SELECT optiply_id FROM state.products ORDER BY remote_id")
	want := `"totalValue":1234567890123.45,"remoteDataSyncedToDate":"2026-11-24T02:00:00Z","orderLines":[` +
		`{"quantity":3,"subtotalValue":0.10,"productId":` + ids[1] + `},{"quantity":12000000,"subtotalValue":9999999999999.99,"productId":` + ids[0] + `}]}`
	if !strings.Contains(body, want) {
		t.Errorf("the order was sent as\n%s\nwant in it\n%s", body, want)
	}
	held := b.box.SellOrders()[0]
	if held.Attributes["totalValue"] != "1234567890123.45" || held.RemoteID() != "9007199254740993" {
		t.Errorf("Optiply holds %v", held)
	}
	b.agrees()
}

func TestLoad_AnUpdateChangesOnlyWhatItCarriesInTheState(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.plan(update("1", `{"price":99.5,"stockLevel":-3}`))
	b.mustLoad()
	b.same("state.products", b.rows(`SELECT concat_ws(' ', remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote, run_id = '20261124T020001Z')
		FROM state.products`), []string{"1 Product 1 SKU-1 1 99.50 false -3 enabled 2024-03-01 09:15:00 true"})
	b.agrees()
}

func TestLoad_ARefusedRowIsNamedAndTheOthersGoOn(t *testing.T) {
	b := newBench(t)
	for id, status := range map[string]int{"2": 400, "3": 409, "5": 422} {
		b.fault(sandbox.Fault{Method: http.MethodPost, Contains: `"remoteId":"` + id + `"`, Effect: sandbox.Answer, Status: status, Message: "it has no charm", Times: -1})
	}
	b.plan(create("1"), create("2"), create("3"), create("4"), create("5"), create("6"))
	r := b.mustLoad()
	b.hasProducts("1", "4", "6")
	b.issues("rejected products 2 | 400: it has no charm", "rejected products 3 | 409: it has no charm", "rejected products 5 | 422: it has no charm")
	b.history("products", "2", "sent", "rejected")
	if c := r.Counts[0]; c.Planned != 6 || c.Done != 3 || c.Rejected != 3 || c.Held != 0 || c.Unfinished != 0 {
		t.Errorf("counts %+v", c)
	}
	b.agrees()
}

func TestLoad_TheSandboxRefusesBadValuesByItself(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.plan(update("1", `{"stockLevel":1.5}`), create("2"))
	b.mustLoad()
	b.issues("rejected products 1 | 400")
	b.has([]string{"stockLevel"}, "1 stockLevel=10", "2 stockLevel=10")
	b.agrees()
}

func TestLoad_AnUpdateOfWhatSomebodyDeletedIsHeldByName(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	b.plan(update("1", `{"stockLevel":1}`), update("2", `{"stockLevel":2}`))
	b.fault(sandbox.Fault{Method: http.MethodPatch, Contains: `{"stockLevel":1}`, Effect: sandbox.Answer, Status: 404})
	b.mustLoad()
	b.issues("held products 1 | somebody deleted it in Optiply")
	b.history("products", "1", "sent", "acknowledged", "sent", "held")
	b.has([]string{"stockLevel"}, "1 stockLevel=10", "2 stockLevel=2")
}

func TestLoad_AnOrderThatRefersToNothingIsRejected(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.exec("UPDATE state.products SET optiply_id = '999999999' WHERE remote_id = '1'") // somebody deleted it in Optiply
	b.plan(order("7", "10.00", "1"))
	b.mustLoad()
	b.hasOrders()
	b.issues("rejected sell_orders 7 | 404")
}

func TestLoad_AnOrderWaitsForAProductThatWasNotCreated(t *testing.T) {
	b := newBench(t)
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.Answer, Status: 400})
	b.plan(create("1"), create("2"), order("7", "20.00", "1", "2"), order("8", "10.00", "1"))
	r := b.mustLoad()
	b.hasOrders("8")
	b.issues("rejected products 2", "held sell_orders 7 | product 2")
	b.parked("products 2 rejected", "sell_orders 7 held")
	if c := r.Counts[1]; c.Held != 1 || c.Done != 1 {
		t.Errorf("counts %+v", c)
	}

	b.plan(create("2"), order("7", "20.00", "1", "2"))
	b.mustLoad()
	b.hasOrders("7", "8")
	b.issues()
	b.parked()
	b.agrees()
}

func TestLoad_TheSamePlanTwiceSendsNothingTheSecondTime(t *testing.T) {
	b := newBench(t)
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.Answer, Status: 400, Times: -1})
	b.plan(create("1"), create("2"), order("7", "10.00", "1"))
	first := b.mustLoad()
	before := b.writes(http.MethodPost)
	second := b.mustLoad()
	if n := b.writes(http.MethodPost); n != before {
		t.Errorf("the second load sent %d requests", n-before)
	}
	if len(first.Counts) != 2 || first.Counts[0] != second.Counts[0] || first.Counts[1] != second.Counts[1] {
		t.Errorf("counts %+v, and then %+v", first.Counts, second.Counts)
	}
	b.issues("rejected products 2")
	b.agrees()
}

func TestLoad_StoppedInTheMiddleGoesOnExactlyOnce(t *testing.T) {
	b := newBench(t)
	var plan []planned
	var want []string
	for _, id := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12") {
		plan = append(plan, create(id))
		want = append(want, id)
	}
	plan = append(plan, order("20", "10.00", "3"), order("21", "10.00", "12"))
	b.plan(plan...)
	ctx, stop := context.WithCancel(t.Context())
	b.hook(func(r *http.Request, body string) {
		if strings.Contains(body, `"remoteId":"5"`) {
			stop() // while this request is in flight
		}
	})
	_, err := b.job().Load(ctx, "")
	if err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Fatalf("load: %v", err)
	}
	if n := len(b.box.Products()); n < 4 || n == 12 {
		t.Errorf("%d products were sent before it stopped", n)
	}
	b.agrees() // what was in flight was waited for, and counts
	b.same("bookmarks", b.rows("SELECT stream FROM state.bookmarks"), nil)

	r := b.mustLoad()
	b.hasProducts(want...)
	b.hasOrders("20", "21")
	b.agrees()
	if c := r.Counts[0]; c.Planned != 12 || c.Done != 12 {
		t.Errorf("counts %+v", c)
	}
}

func TestLoad_StoppedLeavesNoIntentOpen(t *testing.T) {
	b := newBench(t)
	var changes []planned
	for i := range 2 * intentsAhead {
		changes = append(changes, create(fmt.Sprint(i+1)))
	}
	b.plan(changes...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var came atomic.Int64 // and not whose it is: the others may have gone on for long before a slow one comes
	b.hook(func(_ *http.Request, body string) {
		if strings.Contains(body, `"remoteId"`) && came.Add(1) == 5 {
			cancel()
		}
	})
	if _, err := b.job().Load(ctx, ""); err == nil {
		t.Error("the load was not stopped")
	}
	b.same("states of what was not sent", b.rows(`SELECT DISTINCT state FROM state.ledger
		QUALIFY row_number() OVER (PARTITION BY remote_id ORDER BY seq DESC) = 1 AND state <> 'acknowledged'`),
		[]string{"planned"})
	if n := len(b.box.Products()); n == 0 || n > 5+b.workers {
		t.Errorf("%d products were sent", n)
	}
	b.mustLoad()
	b.agrees()
	if n := len(b.box.Products()); n != len(changes) {
		t.Errorf("%d products, want %d", n, len(changes))
	}
}
