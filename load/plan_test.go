package load

import (
	"errors"
	"strings"
	"testing"
)

func TestReadPlan_RefusesWhatIsNotAPlanToSend(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	_, err := ReadPlan(t.Context(), b.run, "0123456789abcdef")
	if g, ok := errors.AsType[*GuardError](err); !ok || !strings.Contains(g.Reason, "not 0123456789abcdef") {
		t.Errorf("another hash: %v", err)
	}
	p, err := ReadPlan(t.Context(), b.run, "")
	if err != nil || p.Changes != 1 || len(p.Hash) != 16 {
		t.Errorf("plan %+v, %v", p, err)
	}
	if _, err := ReadPlan(t.Context(), b.run, p.Hash); err != nil {
		t.Errorf("its own hash: %v", err)
	}
	b.exec("INSERT INTO run.steps VALUES ('220_model_products_check.sql', true, 2, 0.1, '5 occurs twice', '')")
	if reason := b.guarded(); !strings.Contains(reason, "220_model_products_check.sql found 2 rows (5 occurs twice)") {
		t.Errorf("a broken check: %s", reason)
	}
	b.exec("UPDATE run.info SET transformed_at = NULL")
	_, err = b.load()
	if _, ok := errors.AsType[*NotReadyError](err); !ok {
		t.Errorf("no plan: %v", err)
	}
	b.hasProducts()
}

func TestLoad_RefusesAPlanMadeAgainstAnOlderState(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	b.plan(update("1", `{"stockLevel":5}`), create("3"))
	// The state moves after the plan was made: by a run that is not newer.
	b.exec("UPDATE state.products SET change = change + 100 WHERE remote_id = '1'")
	reason := b.guarded()
	if !strings.Contains(reason, "1 of its 2 rows are not as they were (products 1: sent again since, by run 20261124T020000Z)") || !strings.Contains(reason, "transform --run 20261124T020001Z") || strings.Contains(reason, "products 3") {
		t.Errorf("the guard says: %s", reason)
	}
	b.has([]string{"stockLevel"}, "1 stockLevel=10", "2 stockLevel=10")

	// Made again, it may be sent.
	if err := b.run.CopyBefore(t.Context(), b.job().Now()); err != nil {
		t.Fatal(err)
	}
	b.exec("DELETE FROM plan.summary; DELETE FROM plan.changes")
	b.write([]planned{update("1", `{"stockLevel":5}`), create("3")})
	b.mustLoad()
	b.has([]string{"stockLevel"}, "1 stockLevel=5", "2 stockLevel=10", "3 stockLevel=10")
}

func TestLoad_RefusesToCreateWhatTheStateHolds(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.exec(`INSERT INTO state.products (remote_id, optiply_id, run_id, acknowledged_at, change) VALUES ('1', '55', 'adopt', now()::TIMESTAMP, 0)`)
	if reason := b.guarded(); !strings.Contains(reason, "products 1") {
		t.Errorf("the guard says: %s", reason)
	}
	b.hasProducts()
}

func TestLoad_RefusesARunOlderThanOneThatWasLoaded(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	older := b.run.ID
	b.plan(create("1"), create("2"))
	b.mustLoad()
	b.returnTo(older)
	b.write([]planned{create("3")})
	if reason := b.guarded(); !strings.Contains(reason, "older than run 20261124T020001Z") {
		t.Errorf("the guard says: %s", reason)
	}
	b.hasProducts("1", "2")
}
