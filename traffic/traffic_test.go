package traffic_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/store/storetest"
	"magento-optiply/traffic"
)

func TestMeter_KeepsRequestsByEndpointAndMinute(t *testing.T) {
	b := storetest.New(t)
	now := storetest.Now()
	m := traffic.New(func() time.Time { return now })
	m.Watch(traffic.Magento, func() traffic.Limits { return traffic.Limits{Concurrency: 3, PerSecond: 2.5} })
	for n := range 100 {
		m.Count(traffic.Request{Server: traffic.Magento, Endpoint: "products", Status: 200, Duration: time.Duration(n+1) * time.Millisecond, Waited: time.Millisecond, Bytes: 1000})
	}
	m.Count(traffic.Request{Server: traffic.Magento, Endpoint: "products", Status: 503, Retry: true, Duration: 2 * time.Second})
	m.Count(traffic.Request{Server: traffic.Optiply, Endpoint: "POST products", Duration: time.Second})
	if err := m.Save(t.Context(), b.Run.DB, false); err != nil {
		t.Fatal(err)
	}
	if got := b.Table(t, "SELECT count(*) AS n FROM run.requests"); !strings.Contains(got, "0") {
		t.Errorf("a minute that is not over was saved:\n%s", got)
	}
	now = now.Add(time.Minute)
	m.Count(traffic.Request{Server: traffic.Magento, Endpoint: "products", Status: 200, Duration: time.Millisecond})
	for _, all := range []bool{false, true, true} {
		if err := m.Save(t.Context(), b.Run.DB, all); err != nil {
			t.Fatal(err)
		}
	}
	want := `
server   endpoint       minute               requests  retries  failed  statuses         total_ms  p50_ms  p95_ms  max_ms  waited_ms  bytes   concurrency  per_second
magento  products       2026-11-24 02:00:00  101       1        1       {200=100, 503=1}  7050.0    51.0    96.0    2000.0  100.0      100000  3            2.5
optiply  POST products  2026-11-24 02:00:00  1         0        1       {0=1}            1000.0    1000.0  1000.0  1000.0  0.0        0       0            0.0
magento  products       2026-11-24 02:01:00  1         0        0       {200=1}          1.0       1.0     1.0     1.0     0.0        0       3            2.5`
	if got := b.Table(t, "FROM run.requests ORDER BY minute, server"); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("run.requests:\n%s", got)
	}
}

func TestMeter_CountsFromManyGoroutinesWithBoundedMemory(t *testing.T) {
	b := storetest.New(t)
	m := traffic.New(storetest.Now)
	stop := m.Keep(t.Context(), b.Run.DB, func(err error) { t.Error(err) })
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := range 5000 {
				m.Count(traffic.Request{Server: traffic.Magento, Endpoint: fmt.Sprint("stockStatuses/", w/4), Status: 200, Duration: time.Duration(n) * time.Microsecond})
			}
		})
	}
	workers.Wait()
	stop()
	got := b.Table(t, "SELECT requests, statuses, p50_ms BETWEEN 2.2 AND 2.8 AS middle, p95_ms BETWEEN 4.5 AND 5 AS slow, max_ms FROM run.requests")
	if want := "requests statuses middle slow max_ms 20000 {200=20000} true true 5.0"; strings.Join(strings.Fields(got), " ") != want {
		t.Errorf("run.requests:\n%s", got)
	}
	var none *traffic.Meter
	none.Count(traffic.Request{})
	if err := none.Save(t.Context(), b.Run.DB, true); err != nil {
		t.Error(err)
	}
}
