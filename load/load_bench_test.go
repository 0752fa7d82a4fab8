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
