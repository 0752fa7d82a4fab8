package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// urgent gives a change its priority.
func urgent(priority int, c planned) planned {
	c.priority = priority
	return c
}

// clock is a time that goes on by a second with each write that reaches Optiply.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
}

// slowly makes a load of one request a second, by its own clock, that is stopped when its time is over.
func (b *bench) slowly(left time.Duration) (j *Job, ctx context.Context, order func() []string) {
	b.t.Helper()
	b.workers = 1
	begin := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	c := &clock{now: begin}
	ctx, stop := context.WithCancelCause(b.t.Context())
	var mu sync.Mutex
	var ids []string
	b.hook(func(r *http.Request, body string) {
		if r.Method != http.MethodPost && r.Method != http.MethodPatch || !strings.HasPrefix(r.URL.Path, "/v1/") {
			return
		}
		mu.Lock()
		_, rest, _ := strings.Cut(body, `"remoteId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		if r.Method == http.MethodPatch {
			id = "update"
		}
		ids = append(ids, id)
		mu.Unlock()
		if c.goOn(); left > 0 && !c.time().Before(begin.Add(left)) {
			stop(errTime)
		}
	})
	j = b.job()
	j.Now = c.time
	if left > 0 {
		j.Deadline = begin.Add(left)
	}
	return j, ctx, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(ids) }
}

var errTime = errors.New("the time is over")

// nightBefore has products 1 to 3 at Optiply, and plans creates of 11 to 30, updates, and two orders.
func (b *bench) nightBefore() {
	b.t.Helper()
	b.plan(create("1"), create("2"), create("3"))
	b.mustLoad()
	var changes []planned
	for id := 11; id <= 30; id++ {
		changes = append(changes, urgent(3, create(fmt.Sprint(id))))
	}
	changes = append(changes, urgent(1, update("1", `{"stockLevel":3}`)), urgent(4, update("2", `{"name":"x"}`)), urgent(1, update("3", `{"stockLevel":4}`)),
		urgent(2, order("40", "10.00", "1")), urgent(2, order("41", "10.00", "2")))
	b.plan(changes...)
}

func TestLoad_SendsWhatIsUrgentFirstWhereTheDeadlineIsNear(t *testing.T) {
	b := newBench(t)
	b.nightBefore()
	j, ctx, order := b.slowly(14 * time.Second)
	r, err := j.Load(ctx, "")
	if _, ok := errors.AsType[*StoppedError](err); !ok || !errors.Is(err, errTime) {
		t.Fatalf("load: %v, want it stopped by the deadline", err)
	}
	if !r.UrgentFirst {
		t.Error("the result does not tell that what is urgent went first")
	}
	got := order()
	// The first few in the usual order tell how fast it goes.
	rest := got[slices.Index(got, "update"):]
	if len(rest) < 5 || strings.Join(rest[:4], " ") != "update update 40 41" {
		t.Errorf("sent in this order: %v", got)
	}
	if n := slices.Index(got, "update"); n > 10 {
		t.Errorf("it was seen only after %d requests that not all could be sent", n)
	}
	b.agrees()
	b.same("bookmarks are those of the first load", b.rows("SELECT DISTINCT run_id FROM state.bookmarks"), []string{"20261124T020000Z"})

	left := int64(0)
	for _, c := range r.Counts {
		if c.Planned != c.Done+c.Rejected+c.Held+c.Unfinished {
			t.Errorf("counts %+v", c)
		}
		left += c.Unfinished
	}
	if left != int64(25-len(got)) {
		t.Errorf("%d are left, want %d of 25 less %d", left, 25-len(got), len(got))
	}

	b.hook(nil)
	before := b.writes(http.MethodPost) + b.writes(http.MethodPatch)
	b.mustLoad()
	if n := b.writes(http.MethodPost) + b.writes(http.MethodPatch) - before; n != int(left) {
		t.Errorf("the next load sent %d requests, want the %d that were left", n, left)
	}
	b.hasOrders("40", "41")
	b.agrees()
}

func TestLoad_KeepsToTheOrderOfWorkWhereTheDeadlineIsFar(t *testing.T) {
	for name, left := range map[string]time.Duration{"far": time.Hour, "none": 0} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.nightBefore()
			j, ctx, order := b.slowly(left)
			r, err := j.Load(ctx, "")
			if err != nil || r.UrgentFirst {
				t.Fatalf("load: %v, urgent first %t", err, r.UrgentFirst)
			}
			got := order()
			if len(got) != 25 || slices.Index(got, "update") != 20 || strings.Join(got[23:], " ") != "40 41" {
				t.Errorf("sent in this order: %v", got)
			}
		})
	}
}

// Before an answer has told how fast it goes, the configured rate does.
func TestLoad_AConfiguredRateTellsThatTheDeadlineIsNear(t *testing.T) {
	b := newBench(t)
	b.nightBefore()
	j, ctx, order := b.slowly(14 * time.Second)
	j.PerSecond = 1
	if _, err := j.Load(ctx, ""); !errors.Is(err, errTime) {
		t.Fatalf("load: %v", err)
	}
	if got := order(); len(got) < 4 || strings.Join(got[:4], " ") != "update update 40 41" {
		t.Errorf("sent in this order: %v", got)
	}
	b.agrees()
}

// A deadline that comes with the last answer has stopped nothing.
func TestLoad_IsDoneWhereTheDeadlineComesWithTheLastAnswer(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"), create("3"))
	j, ctx, _ := b.slowly(3 * time.Second)
	if _, err := j.Load(ctx, ""); err != nil {
		t.Fatal(err)
	}
	b.hasProducts("1", "2", "3")
	b.same("bookmarks", b.rows("SELECT stream FROM state.bookmarks WHERE stream = 'orders'"), []string{"orders"})
}
