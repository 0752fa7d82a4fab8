package commands

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"magento-optiply/extract"
	"magento-optiply/load"
	"magento-optiply/store"
)

// summary is how a run ended. With --log-format json it is the last line on stderr, and it is kept in state.runs. Its
// fields are a contract: programs outside read them, so one may be added and none renamed.
type summary struct {
	Type          string             `json:"type"`                // "summary"
	Shop          string             `json:"shop,omitempty"`      // the name of the shop
	RunID         string             `json:"run_id"`              //
	ExitCode      int                `json:"exit_code"`           // section 4 of the design
	Phase         string             `json:"phase"`               // the phase that it ended in: extract, load, done
	Deadline      string             `json:"deadline"`            // the instant of --deadline; empty: none
	DryRun        bool               `json:"dry_run"`             // nothing was sent, on purpose
	ProductsFull  bool               `json:"products_full"`       // the whole products listing was read
	PlanHash      string             `json:"plan_hash"`           // empty: no plan was made
	Streams       []streamSummary    `json:"streams"`             // one a stream, store and part
	Changes       []changeSummary    `json:"changes"`             // one an entity and operation
	Unfinished    int64              `json:"unfinished"`          // changes in all that were not come to; the next run, or --resume, goes on with them
	UrgentFirst   bool               `json:"urgent_first"`        // the deadline was near, so that stock and orders were sent before texts
	Reconcile     *reconcileSummary  `json:"reconcile,omitempty"` // of run --reconcile
	Issues        issueCounts        `json:"issues"`              // rows of run.issues by kind
	DeletionsHeld int64              `json:"deletions_held"`      // products that a guard kept from being disabled; also in issues.held
	Guards        []guardSummary     `json:"guards"`              // that hold the whole load, or were released
	FirstIssues   []issue            `json:"first_issues"`        // the first rows of run.issues, at most 10
	Seconds       map[string]float64 `json:"seconds"`             // by phase: extract, transform, load
	Error         string             `json:"error,omitempty"`     // why it failed, or with --shop why a shop came to no summary of its own

	command string // whose summary it is: run, extract or load
}

// streamSummary is a row of run.streams.
type streamSummary struct {
	Name        string `json:"name"`
	Store       string `json:"store"`
	Part        string `json:"part"` // window, full, ids, skus, bulk
	Rows        int64  `json:"rows"`
	Pages       int64  `json:"pages"`
	Requests    int64  `json:"requests"` // retries included
	Retries     int64  `json:"retries"`
	Quarantined int64  `json:"quarantined"`
	Complete    bool   `json:"complete"`
	Reason      string `json:"reason,omitempty"` // why it is not complete
	Note        string `json:"note,omitempty"`   // what else is to be known; nothing is missing
}

// changeSummary counts the changes of one kind. Planned is the sum of the others, unless nothing was sent.
type changeSummary struct {
	Entity     string `json:"entity"` // products, sell_orders
	Op         string `json:"op"`     // disable, create, update
	Planned    int64  `json:"planned"`
	Done       int64  `json:"done"` // acknowledged by Optiply
	Rejected   int64  `json:"rejected"`
	Held       int64  `json:"held"`
	Unfinished int64  `json:"unfinished"` // not come to; --resume goes on with them
}

// issueCounts counts the rows of run.issues.
type issueCounts struct {
	Rejected    int64 `json:"rejected"`
	Quarantined int64 `json:"quarantined"`
	Dropped     int64 `json:"dropped"`
	Held        int64 `json:"held"`
	Ignored     int64 `json:"ignored"` // `rejects ignore` asked for it: no part of what was left out
}

// issue is a row of run.issues.
type issue struct {
	Kind     string `json:"kind"`
	Entity   string `json:"entity"`
	RemoteID string `json:"remote_id"`
	SKU      string `json:"sku"`
	Reason   string `json:"reason"`
}

// shownIssues is how many rows of run.issues a summary names.
const shownIssues = 10

// seconds adds to what a phase took.
func (s *summary) seconds(phase string, took time.Duration) {
	if s.Seconds == nil {
		s.Seconds = map[string]float64{}
	}
	s.Seconds[phase] += float64(took.Milliseconds()) / 1000
}

// counts takes over what a load did.
func (s *summary) counts(list []load.Count) {
	s.Changes = nil
	for _, c := range list {
		s.Changes = append(s.Changes, changeSummary(c))
	}
}

// planned reads what the run's plan would send, and which guards would hold it, but for those that are released.
func (s *summary) planned(ctx context.Context, run *store.Run, released []string) error {
	changes, hash, err := planCounts(ctx, run.DB, "")
	if err != nil {
		return err
	}
	guards, err := load.Guards(ctx, run, released)
	if err != nil {
		return err
	}
	s.Changes, s.PlanHash = changes, hash
	s.guards(guards)
	return nil
}

// planCounts counts the changes of a plan, of one entity where it is given, in the order in which load sends them.
func planCounts(ctx context.Context, db *sql.DB, entity string) (list []changeSummary, hash string, err error) {
	if err := db.QueryRowContext(ctx, "SELECT hash FROM plan.summary").Scan(&hash); err != nil {
		return nil, "", fmt.Errorf("read plan.summary: %w", err)
	}
	rows, err := db.QueryContext(ctx, `SELECT entity, op, count(*) FROM plan.changes WHERE ? IN ('', entity)
		GROUP BY entity, op ORDER BY min(seq)`, entity)
	if err != nil {
		return nil, "", fmt.Errorf("count the changes of the plan: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c changeSummary
		if err := rows.Scan(&c.Entity, &c.Op, &c.Planned); err != nil {
			return nil, "", fmt.Errorf("count the changes of the plan: %w", err)
		}
		list = append(list, c)
	}
	return list, hash, rows.Err()
}

// read takes over what the run file says of the streams and of the rows that were left out.
func (s *summary) read(ctx context.Context, run *store.Run) error {
	streams, err := extract.Streams(ctx, run.DB)
	if err != nil {
		return err
	}
	s.Streams = nil
	for _, st := range streams {
		s.Streams = append(s.Streams, streamSummary{Name: st.Stream, Store: st.StoreCode, Part: st.Part, Rows: st.Rows, Pages: st.Pages,
			Requests: st.Requests, Retries: st.Retries, Quarantined: st.Quarantined, Complete: st.Complete, Reason: st.Reason, Note: st.Note})
	}
	if err := run.DB.QueryRowContext(ctx, "SELECT coalesce(products_full, false) FROM run.info").Scan(&s.ProductsFull); err != nil {
		return fmt.Errorf("read run.info: %w", err)
	}
	c := &s.Issues
	err = run.DB.QueryRowContext(ctx, `SELECT count(*) FILTER (kind = 'rejected'), count(*) FILTER (kind = 'quarantined'),
			count(*) FILTER (kind = 'dropped'), count(*) FILTER (kind = 'held'), count(*) FILTER (kind = 'ignored'),
			count(*) FILTER (phase = 'transform' AND kind = 'held' AND entity = 'products' AND attribute = 'status')
		FROM run.issues`).Scan(&c.Rejected, &c.Quarantined, &c.Dropped, &c.Held, &c.Ignored, &s.DeletionsHeld)
	if err != nil {
		return fmt.Errorf("count run.issues: %w", err)
	}
	s.FirstIssues, err = firstIssues(ctx, run.DB)
	return err
}

// firstIssues reads the rows to name, the gravest kind first.
func firstIssues(ctx context.Context, db *sql.DB) ([]issue, error) {
	rows, err := db.QueryContext(ctx, `SELECT kind, entity, coalesce(remote_id, ''), coalesce(sku, ''), reason FROM run.issues WHERE kind <> 'ignored'
		ORDER BY list_position(['quarantined', 'rejected', 'held', 'dropped'], kind), entity, length(remote_id), remote_id, sku, reason LIMIT ?`, shownIssues)
	if err != nil {
		return nil, fmt.Errorf("read run.issues: %w", err)
	}
	defer rows.Close()
	var list []issue
	for rows.Next() {
		var i issue
		if err := rows.Scan(&i.Kind, &i.Entity, &i.RemoteID, &i.SKU, &i.Reason); err != nil {
			return nil, fmt.Errorf("read run.issues: %w", err)
		}
		list = append(list, i)
	}
	return list, rows.Err()
}

// leftOut is how many rows were rejected, quarantined, dropped or held (invariant 10).
func (s *summary) leftOut() int64 {
	return s.Issues.Rejected + s.Issues.Quarantined + s.Issues.Dropped + s.Issues.Held
}

// quarantined is how many records the shop could not answer for. Until the run is transformed, run.issues does not name the
// SKUs among them.
func (s *summary) quarantined() (n int64) {
	for _, st := range s.Streams {
		n += st.Quarantined
	}
	return n
}

// complete tells whether every stream was read whole.
func (s *summary) complete() bool {
	for _, st := range s.Streams {
		if !st.Complete {
			return false
		}
	}
	return true
}

// total adds up the changes of all kinds.
func (s *summary) total() (t changeSummary) {
	for _, c := range s.Changes {
		t.Planned += c.Planned
		t.Done += c.Done
		t.Rejected += c.Rejected
		t.Held += c.Held
		t.Unfinished += c.Unfinished
	}
	return t
}

// json is the summary as one line. Lists without rows are [], so that a reader need not ask.
func (s summary) json() string {
	s.Type, s.Unfinished = "summary", s.total().Unfinished
	s.Streams = append([]streamSummary{}, s.Streams...)
	s.Changes = append([]changeSummary{}, s.Changes...)
	s.FirstIssues = append([]issue{}, s.FirstIssues...)
	s.Guards = append([]guardSummary{}, s.Guards...)
	if s.Seconds == nil {
		s.Seconds = map[string]float64{}
	}
	line, err := json.Marshal(s)
	if err != nil { // no field of it can fail
		return fmt.Sprintf(`{"type":"summary","run_id":%q,"exit_code":%d}`, s.RunID, s.ExitCode)
	}
	return string(line)
}
