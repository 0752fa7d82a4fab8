package extract

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"magento-optiply/magento"
)

//go:embed sql/stock_wanted.sql
var stockWantedSQL string

// answersPerPage is how many stockStatuses answers are kept in one page file.
const answersPerPage = 100

// mostRefused is how many SKUs in a row may be refused before it is the shop that is broken, and not its SKUs.
const mostRefused = 10

// missGone is why a SKU has no stock when the product is not in the listing any more.
const missGone = "the product is gone from Magento"

// wantedSKU is a product whose stock is asked for.
type wantedSKU struct{ sku, remoteID string }

// miss is why a SKU has no answer. cause is set where the shop refused it in a way that could be the whole shop's.
type miss struct {
	wantedSKU
	reason string
	cause  error
}

// stockReader is the work of one stock_statuses stream.
type stockReader struct {
	job *Job
	*part

	mu      sync.Mutex
	refused []miss // named at the end; a resumed run asks for them again
	inARow  int
}

// readStockStatuses asks for one SKU after another, several at a time, within the client's limits: for those that no short cut
// answers.
func (j *Job) readStockStatuses(ctx context.Context) error {
	if done, err := j.isComplete(ctx, "stock_statuses", partSKUs); err != nil || done {
		return err
	}
	if err := j.planStock(ctx); err != nil {
		return err
	}
	note, err := j.shortCuts(ctx)
	if err != nil {
		return err
	}
	p, err := j.begin(ctx, "stock_statuses", "", partSKUs, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	p.takeOver()
	p.note = note
	wanted, err := j.wantedSKUs(ctx)
	if err != nil {
		return err
	}
	j.Progress.Begin("stock_statuses", int64(len(wanted)))
	defer j.Progress.End("stock_statuses")
	r := &stockReader{job: j, part: p}
	err = r.askAll(ctx, wanted)
	for i := 0; i < len(r.refused) && err == nil; i++ {
		err = r.keepMiss(ctx, r.refused[i])
	}
	if err == nil {
		err = j.Run.DB.QueryRowContext(ctx, "SELECT count(*) FROM run.stock_misses WHERE NOT gone").Scan(&p.quarantined)
	}
	if err != nil {
		return p.fail(ctx, err)
	}
	return p.finish(ctx, "")
}

func (j *Job) wantedSKUs(ctx context.Context) ([]wantedSKU, error) {
	rows, err := j.Run.DB.QueryContext(ctx, stockWantedSQL)
	if err != nil {
		return nil, fmt.Errorf("find the SKUs to ask for: %w", err)
	}
	defer rows.Close()
	var wanted []wantedSKU
	for rows.Next() {
		var w wantedSKU
		if err := rows.Scan(&w.sku, &w.remoteID); err != nil {
			return nil, fmt.Errorf("find the SKUs to ask for: %w", err)
		}
		wanted = append(wanted, w)
	}
	return wanted, rows.Err()
}

// askAll lets several workers ask. The first error stops them all.
func (r *stockReader) askAll(ctx context.Context, wanted []wantedSKU) error {
	work := make(chan wantedSKU)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for _, w := range wanted {
			select {
			case work <- w:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range max(r.job.Config.Magento.Concurrency, 1) {
		group.Go(func() error { return r.worker(ctx, work) })
	}
	return group.Wait()
}

// worker asks for one SKU after another. What it has gathered is kept even when it is stopped, so that --resume need not
// ask again.
func (r *stockReader) worker(ctx context.Context, work <-chan wantedSKU) (err error) {
	var answers [][]byte
	flush := func() error {
		if len(answers) == 0 {
			return nil
		}
		body := append(append([]byte(`{"items":[`), bytes.Join(answers, []byte(",\n"))...), []byte("]}\n")...)
		rows := len(answers)
		answers = nil
		return r.save(context.WithoutCancel(ctx), body, rows, "")
	}
	defer func() {
		if ferr := flush(); err == nil {
			err = ferr
		}
	}()
	for w := range work {
		answer, m, err := r.job.stockStatus(ctx, w)
		if err != nil {
			return err
		}
		if m != nil {
			if err := r.missed(ctx, *m); err != nil {
				return err
			}
			continue
		}
		r.answered()
		if answers = append(answers, answer); len(answers) == answersPerPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *stockReader) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inARow = 0
}

// missed names a SKU without an answer. One bad SKU stops no other (invariant 8), many in a row stop all.
func (r *stockReader) missed(ctx context.Context, m miss) error {
	if m.cause == nil {
		return r.keepMiss(ctx, m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = append(r.refused, m)
	if r.inARow++; r.inARow >= mostRefused {
		return fmt.Errorf("%d SKUs in a row were refused, the last is %q: %w", r.inARow, m.sku, m.cause)
	}
	return nil
}

func (r *stockReader) keepMiss(ctx context.Context, m miss) error {
	_, err := r.job.Run.DB.ExecContext(ctx, "INSERT OR REPLACE INTO run.stock_misses VALUES (?, ?, ?, ?, ?)",
		m.sku, m.remoteID, m.reason == missGone, m.reason, r.job.Now().UTC())
	if err != nil {
		return fmt.Errorf("keep that SKU %q has no stock: %w", m.sku, err)
	}
	return nil
}

// stockStatus asks for the stock of one product by its SKU: the answer as sent, with the SKU, the product and the
// endpoint put before it, since it names only a product id, and none at all for a disabled product.
//
// An answer that tells of no product, or of another one, proves nothing: the SKU may have been changed, Apache answers a
// 404 to %2F. So the listing is asked for the product, by its id (section 6.7).
func (j *Job) stockStatus(ctx context.Context, w wantedSKU) (answer []byte, m *miss, err error) {
	sku := w.sku
	for changed := false; ; changed = true {
		body, refusal, err := j.askForStock(ctx, sku, w.remoteID)
		if err != nil {
			return nil, nil, fmt.Errorf("SKU %q: %w", sku, err)
		}
		if refusal == nil {
			answer, err := w.answer(body)
			return answer, nil, err
		}
		if !refusal.doubtful {
			return nil, &miss{wantedSKU: w, reason: refusal.reason, cause: refusal.cause}, nil
		}
		now, there, err := j.skuOf(ctx, w.remoteID)
		switch {
		case aboutProduct(err): // the listing does not tell either
			return nil, &miss{wantedSKU: w, reason: refusal.reason, cause: cmp.Or[error](refusal.cause, err)}, nil
		case err != nil:
			return nil, nil, fmt.Errorf("SKU %q: look for its product in the listing: %w", sku, err)
		case !there:
			return nil, &miss{wantedSKU: w, reason: missGone}, nil
		case now != "" && now != sku && !changed:
			sku = now // since it was listed, or since Optiply was told of it
			continue
		}
		return nil, &miss{wantedSKU: w, reason: refusal.reason, cause: refusal.cause}, nil
	}
}

// refusal is why stockStatuses has no answer for a SKU.
type refusal struct {
	reason   string
	cause    error // nil where it lies in this SKU alone
	doubtful bool  // whether the product is there, and has this SKU, is not known
}

// askForStock asks for a SKU and looks whether the answer is one about the product. The error is one that concerns the
// whole shop, after its retries.
func (j *Job) askForStock(ctx context.Context, sku, remoteID string) ([]byte, *refusal, error) {
	resp, err := j.Client.Get(ctx, "stockStatuses/"+magento.SKUPath(sku), nil)
	var e *magento.Error
	if errors.As(err, &e) {
		if r := refusalOf(e, sku); r != nil {
			return nil, r, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	body := bytes.TrimSpace(resp.Body)
	var head struct {
		ProductID json.RawMessage `json:"product_id"`
	}
	if !bytes.HasPrefix(body, []byte("{")) || json.Unmarshal(body, &head) != nil {
		reason := "the shop's answer is no stock status"
		return nil, &refusal{reason: reason, cause: errors.New(reason)}, nil
	}
	id := strings.Trim(string(head.ProductID), `"`)
	if id != "" && id != "null" && id != remoteID {
		return nil, &refusal{reason: "the shop answers with the stock of product " + id, doubtful: true}, nil
	}
	return body, nil, nil
}

// refusalOf tells an answer about one SKU from one about the shop, which is nil.
func refusalOf(e *magento.Error, sku string) *refusal {
	r := &refusal{reason: e.Message}
	slash := strings.Contains(sku, "/")
	switch e.Kind {
	case magento.NotFound:
		r.reason, r.doubtful = "stockStatuses does not know this SKU, though the listing does", true
	case magento.HTMLNotFound, magento.NoRoute:
		// Apache refuses %2F unless AllowEncodedSlashes says otherwise; other servers take the path apart at it.
		r.reason, r.doubtful = "the shop's web server refuses this SKU in a path (Apache without AllowEncodedSlashes does)", true
		if !slash {
			r.cause = e
		}
	case magento.ServerError, magento.MessageOnly, magento.BadRequest, magento.Firewall:
		r.reason, r.cause = refusedSKU(e), e
	case magento.BadJSON, magento.Transport, magento.Gateway, magento.Stalled, magento.TooLarge, magento.Redirected:
		// It was asked again as often as is allowed. A shop that is away does not answer for the product's listing either.
		r.reason, r.cause, r.doubtful = refusedSKU(e), e, true
	case magento.Unauthorized:
		if !e.SignatureRefused() { // in no form: the shop's web server changes this path
			return nil
		}
		r.reason, r.cause, r.doubtful = refusedSKU(e), e, true
	default:
		return nil
	}
	return r
}

func refusedSKU(e *magento.Error) string {
	text := e.Message
	if e.Kind == magento.Transport { // without the ports, which differ each time
		text, _, _ = strings.Cut(text, ":")
	}
	if e.Status != 0 {
		text = fmt.Sprintf("HTTP %d: %s", e.Status, text)
	}
	return "the shop refuses this SKU: " + text
}

// aboutProduct tells an error of the listing that the product, or a filter on its id, is to blame for.
func aboutProduct(err error) bool {
	var e *magento.Error
	return broken(err) || errors.As(err, &e) && (e.Kind == magento.BadRequest || e.Kind == magento.NotInOrder)
}

// skuOf asks the listing for a product, by its id, and returns the SKU it has now.
func (j *Job) skuOf(ctx context.Context, remoteID string) (sku string, there bool, err error) {
	c := magento.Criteria{Fields: "items[id,sku],total_count", PageSize: 1, CurrentPage: 1}.Where(magento.Filter{Field: "entity_id", Value: remoteID})
	resp, page, err := j.get(ctx, "products", c.Query(), "id")
	if err != nil || page.Count == 0 {
		return "", false, err
	}
	if strconv.FormatInt(page.FirstID, 10) != remoteID {
		return "", false, notAskedFor("products", page.FirstKey)
	}
	var list struct {
		Items []struct {
			SKU string `json:"sku"`
		} `json:"items"`
	}
	if err := json.Unmarshal(resp.Body, &list); err != nil {
		return "", false, err
	}
	return list.Items[0].SKU, true, nil
}

// answer is a row of raw.stock_statuses.
func (w wantedSKU) answer(body []byte) ([]byte, error) {
	head, err := json.Marshal(struct {
		SKU      string `json:"sku"`
		RemoteID string `json:"remote_id"`
		Source   string `json:"source"`
	}{w.sku, w.remoteID, "stockStatuses"})
	if err != nil {
		return nil, err
	}
	rest := bytes.TrimSpace(body[1:])
	if !bytes.HasPrefix(rest, []byte("}")) {
		rest = append([]byte(","), rest...)
	}
	return append(head[:len(head)-1], rest...), nil
}
