package report

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// Shop is a shop's line in the page of all shops.
type Shop struct {
	Shop                string
	Verdict             string // how its last run ended
	Tone                Tone
	Because             string // more about that
	Link                string // to the page of that run, relative to this page; empty where there is none
	Started             string
	Rows, Sent, LeftOut int64 // -1: not known
	Seconds             float64
	LastSuccess         string
}

// WriteFleet writes one table over several shops, in the order in which they are given.
func WriteFleet(w io.Writer, list []Shop, now time.Time) error {
	p := &struct {
		Style   template.CSS
		Shops   int64
		Verdict string
		List    []Shop
		Made    time.Time
	}{Shops: int64(len(list)), List: list, Made: now.UTC()}
	count := map[Tone]int64{}
	for _, s := range list {
		count[s.Tone]++
	}
	var parts []string
	for _, t := range []struct {
		tone Tone
		text string
	}{{Bad, "failed or held back"}, {Warn, "to be looked at"}, {Good, "well"}} {
		if count[t.tone] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[t.tone], t.text))
		}
	}
	p.Verdict = strings.Join(parts, ", ")
	return render(w, "fleet.html", p, &p.Style)
}
