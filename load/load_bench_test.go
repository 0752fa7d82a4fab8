package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"magento-optiply/optiply"
)

// BenchmarkLoad sends creates with four requests in flight to an Optiply that takes 20 ms for each, once with the ledger
// and once with the client alone, which is the floor. The ratio of the two is what durability costs.
func BenchmarkLoad(b *testing.B) {
	const workers = 4
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprintf("ledger/delay=%v", delay), func(b *testing.B) {
			r := newBenchOf(b)
			r.workers = workers
			r.hook(slow(delay))
			for b.Loop() {
				b.StopTimer()
				first := r.runs * 10000
				changes := make([]planned, 400)
				for i := range changes {
					changes[i] = create(fmt.Sprint(first + i + 1))
				}
				r.plan(changes...)
				job := r.job()
				b.StartTimer()
				if _, err := job.Load(b.Context(), ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*400)/b.Elapsed().Seconds(), "writes/s")
		})
		b.Run(fmt.Sprintf("plain/delay=%v", delay), func(b *testing.B) {
			r := newBenchOf(b)
			r.hook(slow(delay))
			r.plan()
			client := r.job().Client
			for b.Loop() {
				work := make(chan planned)
				var group sync.WaitGroup
				for range workers {
					group.Go(func() {
						for p := range work {
							if _, err := client.Create(b.Context(), optiply.Products, json.RawMessage(p.attributes)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for i := range 400 {
					work <- create(fmt.Sprint(i + 1))
				}
				close(work)
				group.Wait()
			}
			b.ReportMetric(float64(b.N*400)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// slow is an Optiply that takes its time for a write.
func slow(d time.Duration) func(*http.Request, string) {
	return func(q *http.Request, _ string) {
		if q.Method != http.MethodGet {
			time.Sleep(d)
		}
	}
}

// BenchmarkLedger makes events durable, as many together as a load does.
func BenchmarkLedger(b *testing.B) {
	for _, state := range []State{Sent, Acknowledged} {
		b.Run(string(state), func(b *testing.B) {
			r := newBenchOf(b)
			r.plan(create("0")) // makes a run
			l, err := openLedger(b.Context(), r.run.DB, time.Now)
			if err != nil {
				b.Fatal(err)
			}
			defer l.close()
			n := 0
			for b.Loop() {
				b.StopTimer()
				events := make([]event, intentsTogether)
				for i := range events {
					n++
					events[i] = event{RunID: r.run.ID, PlanHash: "0123456789abcdef", Entity: "products", Op: "create", RemoteID: fmt.Sprint(n), State: Sent, Attempt: 1}
					events[i].setBody([]byte(`{"name":"A product","skuCode":"SKU","price":12.50,"unlimitedStock":false,"stockLevel":4,"status":"enabled"}`))
				}
				if state == Acknowledged {
					if err := l.record(events...); err != nil {
						b.Fatal(err)
					}
					for i := range events {
						events[i].State, events[i].OptiplyID, events[i].UUID, events[i].Status = Acknowledged, fmt.Sprint(n+i), "uuid", 201
					}
				}
				b.StartTimer()
				if err := l.record(events...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*intentsTogether), "µs/event")
		})
	}
}

// BenchmarkBody builds what is sent for an order of four lines.
func BenchmarkBody(b *testing.B) {
	c := change{entity: "sell_orders", remoteID: "1", attributes: json.RawMessage(`{"remoteId":"1","placed":"2026-11-01T10:00:00Z","totalValue":40.00}`)}
	ids := map[string]string{}
	for _, product := range []string{"1", "2", "3", "4"} {
		c.lines = append(c.lines, line{Product: product, Quantity: "2", SubtotalValue: "10.00"})
		ids[product] = "100" + product
	}
	for b.Loop() {
		if _, missing, err := c.body(ids); err != nil || missing != "" {
			b.Fatal(missing, err)
		}
	}
}
