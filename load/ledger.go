package load

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

//go:embed sql/ledger_insert.sql
var ledgerInsertSQL string

//go:embed sql/acknowledge_products.sql
var acknowledgeProductsSQL string

//go:embed sql/acknowledge_sell_orders.sql
var acknowledgeSellOrdersSQL string

//go:embed sql/unpark.sql
var unparkSQL string

// event is one row of the ledger.
type event struct {
	Seq        int64  `json:"seq"`
	HappenedAt string `json:"happened_at"`
	RunID      string `json:"run_id"`
	PlanHash   string `json:"plan_hash"`
	Entity     string `json:"entity"`
	Op         string `json:"op"`
	RemoteID   string `json:"remote_id"`
	OptiplyID  string `json:"optiply_id,omitempty"`
	UUID       string `json:"uuid,omitempty"`
	State      State  `json:"state"`
	Attempt    int    `json:"attempt"`
	Body       string `json:"body,omitempty"`
	BodyHash   string `json:"body_hash,omitempty"`
	Status     int    `json:"status,omitempty"`
	Reason     string `json:"reason,omitempty"`

	// What the list of rejected and held rows keeps beside it.
	SKU        string `json:"sku,omitempty"`
	ChangeHash string `json:"change_hash,omitempty"`
	Cause      cause  `json:"cause,omitempty"`
}

func (e *event) setBody(body []byte) {
	sum := sha256.Sum256(body)
	e.Body, e.BodyHash = string(body), hex.EncodeToString(sum[:])
}

// key names the thing that a change is about.
type key struct{ entity, remoteID string }

// batchMost bounds the events of one commit that somebody waits for, and gather how long an answer that nobody waits for
// may wait for company: a commit costs about the same with 1 event and with 200 (14 and 22 ms of CPU for answers).
const (
	batchMost = 200
	gather    = 100 * time.Millisecond
)

// ledger writes events durably. Whatever waits while a commit is under way goes into the next one, so that several
// requests in flight share a commit.
type ledger struct {
	db   *sql.DB
	now  func() time.Time
	in   chan submission
	done chan struct{}

	seq int64 // of the last event; the writer's alone

	mu     sync.Mutex // held for no commit: the workers ask for states before each request
	states map[key]State
}

// submission is what is made durable together, or not at all.
type submission struct {
	events []event
	saved  func(error)
	waits  bool // somebody stands still until it is durable
}

// openLedger reads where every change stands that is not settled, and starts the writer.
func openLedger(ctx context.Context, db *sql.DB, now func() time.Time) (*ledger, error) {
	l := &ledger{db: db, now: now, in: make(chan submission, batchMost), done: make(chan struct{}), states: map[key]State{}}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM state.ledger").Scan(&l.seq); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	rows, err := db.QueryContext(ctx, `SELECT entity, remote_id, state FROM state.ledger
		QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1`)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var s State
		if err := rows.Scan(&k.entity, &k.remoteID, &s); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		l.states[k] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	go l.write()
	return l, nil
}

// close ends the writer. No record may be under way.
func (l *ledger) close() {
	close(l.in)
	<-l.done
}

// stateOf is where a thing stands by the ledger; empty where it is not in it.
func (l *ledger) stateOf(k key) State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.states[k]
}

// record makes events durable in one commit, together with the state rows that acknowledgements bring (section 9.1 and 9.2),
// and returns when they are. Without events it returns when all that was submitted before is durable.
func (l *ledger) record(events ...event) error {
	saved := make(chan error, 1)
	l.in <- submission{events, func(err error) { saved <- err }, true}
	return <-saved
}

// submit is record for an event that nobody waits for: saved is called when it is durable, or cannot be.
func (l *ledger) submit(e event, saved func(error)) {
	l.in <- submission{[]event{e}, saved, false}
}

// write is the one goroutine that writes to the state file.
func (l *ledger) write() {
	defer close(l.done)
	for first := range l.in {
		l.saveBatch(l.gather(first))
	}
}

// gather takes what goes into the commit with first: what has come already where somebody waits, else also what comes
// within a moment.
func (l *ledger) gather(first submission) []submission {
	batch, size, hurry := []submission{first}, len(first.events), first.waits
	enough := time.After(gather)
	for size < batchMost {
		var s submission
		var ok bool
		if hurry {
			select {
			case s, ok = <-l.in:
			default:
			}
		} else {
			select {
			case s, ok = <-l.in:
			case <-enough:
			}
		}
		if !ok {
			return batch
		}
		batch, size, hurry = append(batch, s), size+len(s.events), hurry || s.waits
	}
	return batch
}

func (l *ledger) saveBatch(batch []submission) {
	var events []event
	var accepted []submission
	for _, s := range batch {
		if err := l.fits(s.events); err != nil {
			s.saved(err)
			continue
		}
		for _, e := range s.events {
			l.seq++
			e.Seq = l.seq
			e.HappenedAt = l.now().UTC().Format("2006-01-02 15:04:05.999999")
			events = append(events, e)
		}
		accepted = append(accepted, s)
	}
	var err error
	if len(events) > 0 {
		// The commit must not be cut by Ctrl-C: an answer that has come is kept.
		err = saveEvents(context.Background(), l.db, events)
	}
	if err == nil {
		l.mu.Lock()
		for _, e := range events {
			l.states[key{e.Entity, e.RemoteID}] = e.State
		}
		l.mu.Unlock()
	}
	for _, s := range accepted {
		s.saved(err)
	}
}

// fits tells whether each event may follow what the ledger has for its change.
func (l *ledger) fits(events []event) error {
	for _, e := range events {
		if err := e.State.follows(l.states[key{e.Entity, e.RemoteID}], e.Op == "create"); err != nil {
			return err
		}
	}
	return nil
}

// saveEvents writes events, and what the acknowledgements among them mean for the state, in one transaction.
func saveEvents(ctx context.Context, db *sql.DB, events []event) error {
	all, err := json.Marshal(events)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	statements := []string{ledgerInsertSQL}
	acknowledged := func(entity string) bool {
		return slices.ContainsFunc(events, func(e event) bool { return e.State == Acknowledged && e.Entity == entity })
	}
	products, sellOrders := acknowledged("products"), acknowledged("sell_orders")
	if products {
		statements = append(statements, acknowledgeProductsSQL)
	}
	if sellOrders {
		statements = append(statements, acknowledgeSellOrdersSQL)
	}
	if products || sellOrders {
		statements = append(statements, unparkSQL)
	}
	if slices.ContainsFunc(events, func(e event) bool { return e.Cause != "" }) {
		statements = append(statements, rejectSQL)
	}
	for _, q := range statements {
		if _, err := tx.ExecContext(ctx, q, string(all)); err != nil {
			return fmt.Errorf("write the ledger: %w", errors.Join(err, tx.Rollback()))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}
