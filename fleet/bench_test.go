package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"magento-optiply/fleet/fleettest"
	"magento-optiply/store"
)

// BenchmarkJob is the queue's own cost: a job is queued, claimed, worked on by nothing, and its end is written. The shops are as
// many as the jobs, because a shop has one at a time.
func BenchmarkJob(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			address := "sqlite:" + filepath.Join(b.TempDir(), "fleet.db")
			if kind == "postgres" {
				address = fleettest.Start(b).Database(b, "bench")
			}
			db, err := Open(b.Context(), address)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			b.Chdir(b.TempDir())
			data := b.TempDir()
			var shops []Planned
			for i := range b.N {
				shops = append(shops, Planned{Shop: fmt.Sprintf("shop-%06d", i)})
			}
			if _, err := db.Schedule(b.Context(), shops, "one", false, lease, time.Now()); err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			worked := make(chan struct{}, b.N)
			served := make(chan error, 1)
			b.ResetTimer()
			for _, s := range shops {
				if _, err := db.Enqueue(ctx, Job{Shop: s.Shop}, 0); err != nil {
					b.Fatal(err)
				}
			}
			go func() {
				served <- Serve(ctx, db, Settings{Host: "one", Parallel: 8, Lease: lease, RetryWait: time.Second, Grace: time.Second,
					Log: slog.New(slog.DiscardHandler), Now: time.Now,
					Find: func(shop string) (string, *store.Shop, error) {
						folder, err := store.Open(data, shop)
						return "shop.yaml", folder, err
					},
					Run: func(context.Context, Task) Ended { worked <- struct{}{}; return Ended{} }})
			}()
			for range b.N {
				<-worked
			}
			b.StopTimer()
			stop()
			if err := <-served; err != nil {
				b.Error(err)
			}
		})
	}
}
