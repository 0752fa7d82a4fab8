package load

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"magento-optiply/store"
)

//go:embed sql/moved.sql
var movedSQL string

// change is one row of plan.changes.
type change struct {
	seq        int64
	entity, op string
	remoteID   string
	optiplyID  string
	sku        string
	attributes json.RawMessage
	lines      []line
	whole      json.RawMessage // what creates the product again, should it be missing at Optiply; nil: it is held then
	hash       string          // names what is to be sent, whenever it is
	priority   int             // the order of work where a deadline is near, 1 first; 0 where the plan is of a version without
}

func (c change) key() key { return key{c.entity, c.remoteID} }

// line is one line of an order: the product is its Magento id until the order is sent.
type line struct {
	Product       string      `json:"product"`
	Quantity      json.Number `json:"quantity"`
	SubtotalValue json.Number `json:"subtotalValue"`
}

// step is what is done to one entity.
type step struct {
	entity, op string
}

func (s step) name() string { return s.op + " " + s.entity }

// Plan is what a run file holds of its plan.
type Plan struct {
	RunID, Hash string
	Changes     int64
}

// NotReadyError means that a run has no plan that may be sent.
type NotReadyError struct{ Reason string }

func (e *NotReadyError) Error() string { return e.Reason }

// GuardError means that a guard holds the whole load back: a check that found something, or a plan that does not fit the
// state any more.
type GuardError struct{ Reason string }

func (e *GuardError) Error() string { return e.Reason }

// ReadPlan reads the plan's name, and refuses one that must not be sent: not transformed, broken by a check, or not the
// one that hash (where given) names.
func ReadPlan(ctx context.Context, run *store.Run, hash string) (Plan, error) {
	p := Plan{RunID: run.ID}
	var transformed bool
	if err := run.DB.QueryRowContext(ctx, "SELECT transformed_at IS NOT NULL FROM run.info").Scan(&transformed); err != nil {
		return p, fmt.Errorf("read run.info: %w", err)
	}
	if !transformed {
		return p, &NotReadyError{fmt.Sprintf("run %s has no plan yet: make it with `transform --run %s`", run.ID, run.ID)}
	}
	if err := run.DB.QueryRowContext(ctx, "SELECT hash, changes FROM plan.summary").Scan(&p.Hash, &p.Changes); err != nil {
		return p, fmt.Errorf("read plan.summary: %w", err)
	}
	if hash != "" && hash != p.Hash {
		return p, &GuardError{fmt.Sprintf("the plan of run %s is %s, not %s: look at it with `plan --run %s`", run.ID, p.Hash, hash, run.ID)}
	}
	rows, err := run.DB.QueryContext(ctx, "SELECT file, rows, coalesce(sample, '') FROM run.steps WHERE checked AND rows > 0 ORDER BY file")
	if err != nil {
		return p, fmt.Errorf("read run.steps: %w", err)
	}
	defer rows.Close()
	var broken []string
	for rows.Next() {
		var file, sample string
		var n int64
		if err := rows.Scan(&file, &n, &sample); err != nil {
			return p, fmt.Errorf("read run.steps: %w", err)
		}
		broken = append(broken, fmt.Sprintf("%s found %d rows (%s)", file, n, sample))
	}
	if len(broken) > 0 {
		return p, &GuardError{"nothing is sent, because a check of the transformation failed: " + strings.Join(broken, "; ")}
	}
	return p, rows.Err()
}

// Newer is the newest run after this one that has been sent, or begun to be; empty where there is none. What the older run
// read is out of date then, whatever its plan is compared with, so it is never sent (section 9.6).
func Newer(ctx context.Context, run *store.Run) (string, error) {
	var newer string
	err := run.DB.QueryRowContext(ctx, `SELECT coalesce(max(run_id), '') FROM (
			SELECT run_id FROM state.ledger WHERE state = 'acknowledged'
			UNION ALL
			SELECT run_id FROM state.runs WHERE phase = 'done' AND command IN ('run', 'load'))
		WHERE run_id > ?`, run.ID).Scan(&newer)
	if err != nil {
		return "", fmt.Errorf("look for newer runs: %w", err)
	}
	return newer, nil
}

// RefuseOlder is the error of sending a run that a newer one has overtaken; nil where none has.
func RefuseOlder(ctx context.Context, run *store.Run) error {
	newer, err := Newer(ctx, run)
	if err != nil || newer == "" {
		return err
	}
	return olderError(run.ID, newer)
}

func olderError(id, newer string) error {
	return &GuardError{fmt.Sprintf("run %s is older than run %s, which has been loaded: start a new run", id, newer)}
}

// fits refuses a plan that was made against a state that has changed since (section 9.6), and names the first rows that have
// moved on. What was settled late does not count: those rows are passed over one by one.
func fits(ctx context.Context, run *store.Run, p Plan, late map[key]bool) error {
	if err := RefuseOlder(ctx, run); err != nil {
		return err
	}
	rows, err := run.DB.QueryContext(ctx, movedSQL, p.RunID, p.Hash)
	if err != nil {
		return fmt.Errorf("compare the plan with the state: %w", err)
	}
	defer rows.Close()
	var moved []string
	for rows.Next() {
		var k key
		var what string
		if err := rows.Scan(&k.entity, &k.remoteID, &what); err != nil {
			return fmt.Errorf("compare the plan with the state: %w", err)
		}
		if !late[k] {
			moved = append(moved, k.entity+" "+k.remoteID+": "+what)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(moved) == 0 {
		return nil
	}
	shown := strings.Join(moved[:min(len(moved), 5)], "; ")
	if more := len(moved) - 5; more > 0 {
		shown += fmt.Sprintf("; and %d more", more)
	}
	return &GuardError{fmt.Sprintf("plan %s of run %s was made before the state changed: %d of its %d rows are not as they were (%s). Make it again with `transform --run %s`",
		p.Hash, run.ID, len(moved), p.Changes, shown, run.ID)}
}

// changesOf reads the rows of one step.
func changesOf(ctx context.Context, run *store.Run, s step) ([]change, error) {
	// As JSON, since a plan of an earlier version, or of SQL of a shop's own, may lack the column.
	rows, err := run.DB.QueryContext(ctx, `SELECT coalesce((to_json(c) ->> 'priority')::INTEGER, 0), seq, entity, op, remote_id, coalesce(optiply_id, ''), coalesce(sku, ''), attributes::VARCHAR, coalesce(lines::VARCHAR, '[]'),
		whole::VARCHAR, change_hash FROM plan.changes c WHERE entity = ? AND op = ? ORDER BY seq`, s.entity, s.op)
	if err != nil {
		return nil, fmt.Errorf("read plan.changes: %w", err)
	}
	defer rows.Close()
	var list []change
	for rows.Next() {
		var c change
		var attributes, lines string
		var whole *string
		if err := rows.Scan(&c.priority, &c.seq, &c.entity, &c.op, &c.remoteID, &c.optiplyID, &c.sku, &attributes, &lines, &whole, &c.hash); err != nil {
			return nil, fmt.Errorf("read plan.changes: %w", err)
		}
		c.attributes = json.RawMessage(attributes)
		if whole != nil {
			c.whole = json.RawMessage(*whole)
		}
		if err := json.Unmarshal([]byte(lines), &c.lines); err != nil {
			return nil, fmt.Errorf("read plan.changes: the lines of order %s: %w", c.remoteID, err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
