package load

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
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
}

// key names the thing that a change is about.
type key struct{ entity, remoteID string }

// batchMost bounds the rows of one commit.
const batchMost = 200

// ledger writes events durably. Whatever waits while a commit is under way goes into the next one, so that several
// requests in flight share a commit, and none waits for a timer.
type ledger struct {
	db   *sql.DB
	now  func() time.Time
	in   chan submission
	done chan struct{}

	mu     sync.Mutex
	seq    int64
	states map[key]State
}

type submission struct {
	event event
	saved chan error
}

// openLedger reads where every change stands that is not settled, and starts the writer.
func openLedger(ctx context.Context, db *sql.DB, now func() time.Time) (*ledger, error) {
	l := &ledger{db: db, now: now, in: make(chan submission), done: make(chan struct{}), states: map[key]State{}}
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

// record makes an event durable, together with the state row that an acknowledgement brings (section 9.1 and 9.2), and
// returns when it is.
func (l *ledger) record(e event) error {
	s := submission{event: e, saved: make(chan error, 1)}
	l.in <- s
	return <-s.saved
}

// write is the one goroutine that writes to the state file.
func (l *ledger) write() {
	defer close(l.done)
	for first := range l.in {
		batch := []submission{first}
	gather:
		for len(batch) < batchMost {
			select {
			case s, ok := <-l.in:
				if !ok {
					break gather
				}
				batch = append(batch, s)
			default:
				break gather
			}
		}
		l.saveBatch(batch)
	}
}

func (l *ledger) saveBatch(batch []submission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []event
	var accepted []submission
	for _, s := range batch {
		k := key{s.event.Entity, s.event.RemoteID}
		if err := s.event.State.follows(l.states[k], s.event.Op == "create"); err != nil {
			s.saved <- err
			continue
		}
		l.seq++
		s.event.Seq = l.seq
		s.event.HappenedAt = l.now().UTC().Format("2006-01-02 15:04:05.999999")
		events = append(events, s.event)
		accepted = append(accepted, s)
	}
	var err error
	if len(events) > 0 {
		// The commit must not be cut by Ctrl-C: an answer that has come is kept.
		err = saveEvents(context.Background(), l.db, events)
	}
	for i, s := range accepted {
		if err == nil {
			l.states[key{s.event.Entity, s.event.RemoteID}] = events[i].State
		}
		s.saved <- err
	}
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
	for _, e := range events {
		if e.State == Acknowledged {
			statements = append(statements, acknowledgeProductsSQL, acknowledgeSellOrdersSQL, unparkSQL)
			break
		}
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
