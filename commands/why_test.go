package commands

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"magento-optiply/store"
)

// peopleRun is a run over an order whose record holds a person, as a shop that does not know fields= could have sent it.
const peopleRun = "20261122T120000Z"

func addPeopleRun(t *testing.T, shop *store.Shop) {
	t.Helper()
	started, err := time.Parse(store.RunIDLayout, peopleRun)
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.CreateRun(t.Context(), peopleRun, "test", started)
	if err != nil {
		t.Fatal(err)
	}
	order := `{"items":[{"entity_id":40,"increment_id":"000000040","state":"complete","subtotal":12.5,"customer_email":"jane@example.com","customer_lastname":"Doe-Test",
		"billing_address":{"street":["Main Street 1"]},"items":[{"item_id":1,"product_id":12,"sku":"SKU","qty_ordered":1,"base_row_total":12.5,"gift_note":"For Jane"}]}]}`
	err = run.SavePage(t.Context(), store.Page{Stream: "orders", Part: "window", File: "000001.json", Rows: 1, FetchedAt: started, Body: []byte(order)})
	for _, q := range []string{
		`CREATE TABLE stage.orders AS SELECT 40::BIGINT AS order_id, '000000040' AS increment_id, 'complete' AS effective_state, TIMESTAMP '2026-11-22 10:00:00' AS created_at, [] AS problems`,
		`INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt, body, status, reason) VALUES
			(90, TIMESTAMP '2026-11-22 12:00:10', '` + peopleRun + `', 'dd', 'sell_orders', 'create', '40', 'sent', 1, '{"totalValue":12.5,"note":"jane@example.com"}', NULL, NULL),
			(91, TIMESTAMP '2026-11-22 12:00:11', '` + peopleRun + `', 'dd', 'sell_orders', 'create', '40', 'rejected', 1, NULL, 422, 'no such coupling for jane@example.com with Bearer s3cret.t0ken')`,
	} {
		if err == nil {
			_, err = run.DB.ExecContext(t.Context(), q)
		}
	}
	if err := errors.Join(err, run.Finish(t.Context()), run.Close()); err != nil {
		t.Fatal(err)
	}
}

// Invariant 6: no person and no secret is in a page, whatever the shop sent and Optiply answered.
func TestWhy_ShowsNoPersonAndNoSecret(t *testing.T) {
	addPeopleRun(t, newShop(t))
	for _, format := range []string{"table", "json"} {
		got := call(t, 0, "", "why", "--order", "000000040", "--format", format)
		if got.code != 0 || !strings.Contains(got.stdout, "12.5") || !strings.Contains(strings.Join(strings.Fields(got.stdout), " "), "no such coupling for *** with ***") {
			t.Errorf("%s: %+v", format, got)
		}
		for _, word := range []string{"jane", "Jane", "Doe", "Main Street", "s3cret"} {
			if strings.Contains(got.stdout, word) {
				t.Errorf("%s shows %q:\n%s", format, word, got.stdout)
			}
		}
	}
}

// A run that was not transformed, or by a program that lacked a table, tells what it can, and the page says what it lacks.
func TestWhy_SaysWhatARunCannotTell(t *testing.T) {
	addPeopleRun(t, newShop(t))
	got := call(t, 0, "", "why", "--order", "40")
	for _, part := range []string{"Not told, because run " + peopleRun + " was not transformed, or an older program wrote it: diff, items, lines, model, plan, stage.", latestRun + "  ", "not transformed, or by an older program"} {
		if !strings.Contains(strings.Join(strings.Fields(got.stdout), " "), strings.Join(strings.Fields(part), " ")) {
			t.Errorf("%q is not in:\n%s", part, got.stdout)
		}
	}
	var story struct{ Lacks map[string]string }
	if err := json.Unmarshal([]byte(call(t, 0, "", "why", "--order", "40", "--format", "json").stdout), &story); err != nil || story.Lacks["lines"] != "Catalog Error: Table with name merged_lines does not exist" {
		t.Errorf("lacks: %v, %v", story, err)
	}
}

func TestWhy_AnswersWhileARunIsGoingOn(t *testing.T) {
	addPeopleRun(t, newShop(t))
	hold(t)
	got := call(t, 0, "", "why", "--order", "40")
	if got.code != 0 || !strings.Contains(got.stdout, "create rejected (HTTP 422)") || !strings.Contains(got.stderr, "a run is passed over: another process has its file open") {
		t.Errorf("beside a run: %+v", got)
	}
	if got := call(t, 0, "", "why", "nope"); got.code != exitUsage || !strings.Contains(got.stderr, "not looked into: "+latestRun+": another process has its file open") {
		t.Errorf("an unknown one beside a run: %+v", got)
	}
}

func TestWhy_WorksWithoutTheState(t *testing.T) {
	addPeopleRun(t, newShop(t))
	for _, name := range []string{"state.duckdb", "state.read.duckdb"} {
		if err := os.Remove(filepath.Join("data", "demo", name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	got := call(t, 0, "", "why", "--order", "40")
	if got.code != 0 || !strings.Contains(got.stderr, "without the state") || !strings.Contains(got.stdout, "it is not known to be there") {
		t.Errorf("%+v", got)
	}
}

func TestWhy_WritesAFileWholeOrNotAtAll(t *testing.T) {
	addPeopleRun(t, newShop(t))
	wantOutput(t, call(t, 0, "", "why", "--order", "40", "--output", "page.txt"), "")
	data, err := os.ReadFile("page.txt")
	if err != nil || !strings.HasPrefix(string(data), "Order 000000040") {
		t.Errorf("%v: %s", err, data)
	}
	wantUsage(t, call(t, 0, "", "why", "nope", "--output", "none.txt"), "; run "+partialRun+" has not read the whole shop: look again")
	if exists("none.txt") {
		t.Error("a page that could not be told left a file")
	}
}
