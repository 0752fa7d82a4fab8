package extract

import (
	"context"
	"fmt"
	"strconv"

	"magento-optiply/magento"
)

// listing is a stream that is read page by page. One with keyset and dated can be read by both pagers.
type listing struct {
	path    string
	idField string           // of an item; empty where it has none
	keyset  string           // the column to page by; empty: by page number
	dated   bool             // items have updated_at, or created_at without a window, so that page numbers can begin again from a date
	window  bool             // only what was updated in the part's window; that is no part of base
	base    magento.Criteria // filters, fields
	// query asks for a page where the list takes no search criteria; nil where it does.
	query func(page, size int) magento.Query
	size  int
	count bool // ask for the count at the end even where the first page's was reached
}

// tally compares what was read with what the shop counts afterwards.
type tally struct {
	rows        int // distinct rows where they have an id
	expected    int // total_count; -1 where the shop does not tell
	quarantined int64
}

// short says why a listing is not whole, or nothing.
func (t tally) short(what string) string {
	if t.quarantined > 0 {
		return fmt.Sprintf("%d %s are quarantined: the shop cannot answer for them", t.quarantined, what)
	}
	if t.rows >= t.expected {
		return ""
	}
	return fmt.Sprintf("%d %s were read, and the shop counts %d", t.rows, what, t.expected)
}

// How often a listing is read on, or again, when it changed while it was read.
const (
	mostReadOn = 2
	mostPasses = 3
)

// read reads the rest of a part by keyset or page number. On an error the part is failed.
func (p *part) read(ctx context.Context, l listing) (t tally, err error) {
	p.job.Progress.Begin(p.stream, -1)
	defer p.job.Progress.End(p.stream)
	p.job.Progress.Add(p.stream, int(p.rows)) // of before a kill
	if l.keyset != "" {
		t, err = p.readRanges(ctx, l)
	} else {
		t, err = p.readByNumber(ctx, l)
	}
	if err != nil {
		return t, p.fail(ctx, err)
	}
	return t, nil
}

// mostQuarantined is how many records of a stream may be left out before it is the shop that is broken, and not its records.
const mostQuarantined = 100

// quarantine names a record that the shop answers 500 for, however small the page. The stream is not complete without it,
// so its bookmark stays, and nothing is disabled for its sake.
func (p *part) quarantine(ctx context.Context, id int64) error {
	p.naming.Lock()
	defer p.naming.Unlock()
	text := strconv.FormatInt(id, 10)
	if err := p.countQuarantined(ctx); err != nil {
		return err
	}
	if p.quarantined >= mostQuarantined {
		return fmt.Errorf("more than %d records cannot be read, %s is the next: look into the shop's own log (var/log, var/report)", mostQuarantined, text)
	}
	p.job.Log.Warn("the shop cannot answer for a record; it is left out, by name", "stream", p.stream, "id", text)
	if err := p.nameQuarantined(ctx, text, "the shop answers every page with this record in it with an error"); err != nil {
		return err
	}
	p.quarantined++
	return nil
}

// nameQuarantined names a record by its id, or one without an id by the reason.
func (p *part) nameQuarantined(ctx context.Context, id, reason string) error {
	_, err := p.job.Run.DB.ExecContext(ctx, `INSERT INTO run.issues BY NAME
		SELECT 'extract' AS phase, 'quarantined' AS kind, $1 AS entity, nullif($2, '') AS remote_id, 'store' AS attribute, $3 AS value, $4 AS reason
		WHERE NOT EXISTS (FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = $1 AND value = $3
			AND CASE WHEN $2 = '' THEN reason = $4 ELSE remote_id = $2 END)`,
		p.stream, id, p.storeCode, reason)
	if err != nil {
		return fmt.Errorf("name the record %s of %s: %w", id, p.stream, err)
	}
	return nil
}

// countQuarantined reads how many records of the stream are left out, those of before a kill included.
func (p *part) countQuarantined(ctx context.Context) error {
	err := p.job.Run.DB.QueryRowContext(ctx, "SELECT count(*) FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = ? AND value = ?",
		p.stream, p.storeCode).Scan(&p.quarantined)
	if err != nil {
		return fmt.Errorf("count what is quarantined of %s: %w", p.stream, err)
	}
	return nil
}
