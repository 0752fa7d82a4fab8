package adopt

import (
	"testing"
	"time"
)

func TestSampleOf_SeesAllInAsManyDaysAsThereAreSamples(t *testing.T) {
	first := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for percent, want := range map[float64]int{100: 1, 50: 2, 5: 20, 1: 100, 33.4: 3, 15: 8 /* not 7 */, 0.5: 200} {
		of := SampleOf(percent, first).Of
		if of != want {
			t.Errorf("%v%% is one of %d samples, want %d", percent, of, want)
		}
		for name, days := range map[string]int{"each day": 1, "each week": 7} {
			seen := map[int]bool{}
			for i := range of {
				s := SampleOf(percent, first.AddDate(0, 0, i*days))
				if s != SampleOf(percent, first.AddDate(0, 0, i*days).Add(3*time.Hour)) {
					t.Error("the sample changes within a day")
				}
				seen[s.Number] = true
			}
			if len(seen) != of {
				t.Errorf("%v%% %s: %d of %d samples are seen", percent, name, len(seen), of)
			}
		}
	}
}
