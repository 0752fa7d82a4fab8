package extract

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"magento-optiply/magento"
	"magento-optiply/store"
)

// The parts of a stream. A stream can be read in several: products by window, and some more by id.
const (
	partFull   = "full"
	partWindow = "window"
	partIDs    = "ids"
	partSKUs   = "skus"
	partBulk   = "bulk"
)

// part is a part of a stream that is being read: a row of run.streams, and its pages.
type part struct {
	job                     *Job
	stream, storeCode, name string
	start, end              time.Time // window, both inclusive; zero where there is none
	done                    bool      // complete already, from before a kill
	note                    string    // for people: what is missing is told by the reason for which it is not complete

	began             time.Time
	requests, retries int64 // of the job when this part began

	naming      sync.Mutex // while a record is quarantined
	mu          sync.Mutex
	number      int    // of the newest page file; it has the highest number, not that of how many there are
	file        string // the newest page file; empty where there is none
	cursor      string // what that page ended with; empty at the beginning
	pages       int
	rows        int64
	bytes       int64
	quarantined int64
}

// begin opens a part: the window of a killed extraction where there is one, else the one given, made durable first.
func (j *Job) begin(ctx context.Context, stream, storeCode, name string, start, end time.Time) (*part, error) {
	p := &part{job: j, stream: stream, storeCode: storeCode, name: name, start: start, end: end, began: j.Now(),
		requests: j.Requests.all.Load(), retries: j.Requests.retries.Load()}
	var from, to sql.NullTime
	err := j.Run.DB.QueryRowContext(ctx, `SELECT window_start, window_end, complete FROM run.streams
		WHERE stream = ? AND store_code = ? AND part = ?`, stream, storeCode, name).Scan(&from, &to, &p.done)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		_, err = j.Run.DB.ExecContext(ctx, `INSERT INTO run.streams (stream, store_code, part, window_start, window_end) VALUES (?, ?, ?, ?, ?)`,
			stream, storeCode, name, orNull(start), orNull(end))
	case err == nil:
		p.start, p.end = from.Time, to.Time
		err = j.Run.DB.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(rows), 0), coalesce(sum(bytes), 0), coalesce(max_by(cursor, file), ''),
				coalesce(max(file), ''), coalesce(max(regexp_extract(file, '([0-9]+)[.]json$', 1)::INTEGER), 0)
			FROM run.pages WHERE stream = ? AND store_code = ? AND part = ?`, stream, storeCode, name).
			Scan(&p.pages, &p.rows, &p.bytes, &p.cursor, &p.file, &p.number)
	}
	if err != nil {
		return nil, fmt.Errorf("begin stream %s: %w", stream, err)
	}
	return p, nil
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// save keeps a page. Workers of one part may call it at the same time.
func (p *part) save(ctx context.Context, body []byte, rows int, cursor string) error {
	return p.saveIn(ctx, 0, body, rows, cursor)
}

// saveIn keeps a page of a range.
func (p *part) saveIn(ctx context.Context, number int, body []byte, rows int, cursor string) error {
	p.mu.Lock()
	p.number++
	file := fmt.Sprintf("%s-%06d.json", p.name, p.number)
	if p.storeCode != "" {
		file = fmt.Sprintf("%s-%s-%06d.json", p.name, p.storeCode, p.number)
	}
	p.mu.Unlock()
	if !utf8.Valid(body) { // JSON that is not would stop DuckDB at the whole page
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	err := p.job.Run.AddPage(ctx, store.Page{Stream: p.stream, StoreCode: p.storeCode, Part: p.name, File: file, Rows: rows,
		Cursor: cursor, FetchedAt: p.job.Now(), Body: body, Range: number})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.file, p.cursor = file, cursor
	p.pages++
	p.rows += int64(rows)
	p.bytes += int64(len(body))
	p.mu.Unlock()
	p.job.Progress.Add(p.stream, rows)
	return nil
}

// drop forgets the pages of this part, to read it again from its beginning. Files without a row do not count.
func (p *part) drop(ctx context.Context) error {
	if err := p.job.Run.KeepPages(ctx); err != nil {
		return err
	}
	_, err := p.job.Run.DB.ExecContext(ctx, "DELETE FROM run.pages WHERE stream = ? AND store_code = ? AND part = ?", p.stream, p.storeCode, p.name)
	if err != nil {
		return fmt.Errorf("forget the pages: %w", err)
	}
	// Rows that are named by their place are so in the list as it was.
	_, err = p.job.Run.DB.ExecContext(ctx, "DELETE FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = ? AND value = ? AND remote_id IS NULL", p.stream, p.storeCode)
	if err != nil {
		return fmt.Errorf("forget what is quarantined: %w", err)
	}
	p.job.Progress.Add(p.stream, -int(p.rows))
	p.number, p.file, p.cursor, p.pages, p.rows, p.bytes = 0, "", "", 0, 0, 0
	return nil
}

// finish writes the part's figures. An empty reason means that it is complete.
func (p *part) finish(ctx context.Context, reason string) error {
	if err := p.job.Run.KeepPages(ctx); err != nil && reason == "" {
		return err
	}
	_, err := p.job.Run.DB.ExecContext(ctx, `UPDATE run.streams SET rows = ?, pages = ?, requests = requests + ?, retries = retries + ?, quarantined = ?,
		bytes = ?, seconds = seconds + ?, complete = ?, reason = nullif(?, ''), note = nullif(?, '') WHERE stream = ? AND store_code = ? AND part = ?`,
		p.rows, p.pages, p.job.Requests.all.Load()-p.requests, p.job.Requests.retries.Load()-p.retries, p.quarantined, p.bytes,
		p.job.Now().Sub(p.began).Seconds(), reason == "", reason, p.note, p.stream, p.storeCode, p.name)
	if err != nil {
		return fmt.Errorf("finish stream %s: %w", p.stream, err)
	}
	return nil
}

// fail writes the figures of a part that could not be read, and returns why, in one sentence. What was read of it is kept.
func (p *part) fail(ctx context.Context, cause error) error {
	reason := cause.Error()
	if stopped(ctx, cause) {
		reason = "the reading was interrupted"
	}
	// That the figures cannot be written either, on a full disk, is nothing that has to be said too.
	_ = p.finish(context.WithoutCancel(ctx), reason)
	return fmt.Errorf("read %s: %w", p.stream, cause)
}

// stopped tells an error that only says that the work was to end: by Ctrl-C, a deadline, or because another stream failed.
func stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "INTERRUPT Error"))
}

// get asks for one page and reads its outside.
func (j *Job) get(ctx context.Context, path string, query magento.Query, idField string) (*magento.Response, magento.Page, error) {
	return j.getWith(ctx, j.Client, path, query, idField)
}

func (j *Job) getWith(ctx context.Context, client *magento.Client, path string, query magento.Query, idField string) (*magento.Response, magento.Page, error) {
	asked := onlyAsked(query)
	resp, err := client.GetKept(ctx, path, query, asked.keep)
	if err != nil {
		return nil, magento.Page{}, err
	}
	resp.Body = asked.rest(resp.Body)
	page, err := magento.ReadKeyedPage(resp.Body, idField)
	var e *magento.Error
	if errors.As(err, &e) {
		e.Path = path // which it cannot know
	}
	if err != nil {
		return nil, magento.Page{}, err
	}
	return resp, page, nil
}
