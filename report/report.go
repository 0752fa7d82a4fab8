// Package report makes one page of HTML of a run, or of several shops: what a person looks at in the morning, on a telephone or on
// paper. The page needs no network and no script. Its pictures are drawn here, as SVG with classes: a chart library draws colours,
// and the page has two sets of them, for light and dark.
package report

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"magento-optiply/store"
)

//go:embed sql/*.sql
var queries embed.FS

//go:embed page.html fleet.html style.css
var files embed.FS

// Tone is how a page looks at a glance.
type Tone string

// The tones.
const (
	Good Tone = "good"
	Warn Tone = "warn"
	Bad  Tone = "bad"
)

// Run is what the caller knows of a run; the rest is read from its file.
type Run struct {
	Shop, ID, Command  string
	StartedAt, EndedAt time.Time // EndedAt is zero where it is not known
	Verdict            string    // one sentence
	Tone               Tone
	Error              string // why it failed
	Remarks            []Remark
	Streams            []Stream
	Changes            []Change
	Guards             []Guard
	Phases             []Phase
	Planned            map[string]int64 // tonight's changes by figure, as in nights.sql
	Loaded             bool             // they were sent
	Rows               int64            // read in all
	PlanHash           string
	ExitCode           int // -1: not ended
}

// Remark is a sentence, and the command that it ends in.
type Remark struct{ Text, Command string }

// Stream is what was read of one stream.
type Stream struct {
	Name, Store, Part                           string
	Rows, Pages, Requests, Retries, Quarantined int64
	Complete                                    bool
	Reason, Note                                string
}

// Change counts the changes of one kind.
type Change struct {
	Entity, Op                                string
	Planned, Done, Rejected, Held, Unfinished int64
}

// Guard is one that holds the load, or was released.
type Guard struct {
	Name, Reason string
	Released     bool
}

// Phase is how long a part of the run took.
type Phase struct {
	Name    string
	Seconds float64
}

// page is what page.html shows.
type page struct {
	Run
	Style      template.CSS
	Made       time.Time
	Attributes []attribute
	Issues     []issue
	Endpoints  []endpoint
	Coverage   []coverage
	Movers     []mover
	Stock      template.HTML
	Nights     []picture
	Servers    []server
}

// picture is a drawing with what is said of it.
type picture struct {
	Title, Text string
	SVG         template.HTML
}

// server has the pictures of one server's answers.
type server struct {
	Name, Text string
	Pictures   []picture
}

// Write reads the run file and writes its page. A part whose tables the file lacks, because the run did not come so far or is
// of an older version, is left out.
func Write(ctx context.Context, w io.Writer, run *store.Run, r Run, now time.Time) error {
	p := &page{Run: r, Made: now.UTC()}
	if err := p.read(ctx, run.DB); err != nil {
		return fmt.Errorf("read run %s for its report: %w", run.ID, err)
	}
	return render(w, "page.html", p, &p.Style)
}

func render(w io.Writer, name string, data any, style *template.CSS) error {
	css, err := files.ReadFile("style.css")
	if err != nil {
		return err
	}
	*style = template.CSS(css)
	t, err := template.New(name).Funcs(template.FuncMap{
		"count": count, "seconds": seconds, "ms": millis, "size": size, "time": clock, "names": names, "plural": plural,
		"share": func(part, all float64) string { return fmt.Sprintf("%.2f", part/max(all, 1e-9)) },
	}).ParseFS(files, name)
	if err != nil {
		return err
	}
	return t.Execute(w, data)
}

// PhaseTotal is the seconds of all phases.
func (p *page) PhaseTotal() (total float64) {
	for _, phase := range p.Phases {
		total += phase.Seconds
	}
	return total
}

// Held are the guards that nothing was sent because of.
func (p *page) Held() (list []Guard) {
	for _, g := range p.Guards {
		if !g.Released {
			list = append(list, g)
		}
	}
	return list
}

func count(n int64) string {
	text := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

func seconds(s float64) string {
	switch d := time.Duration(s * float64(time.Second)); {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%.1f s", s)
}

func millis(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.0f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("Monday 2 January 2006, 15:04 UTC")
}

// names lists the first names of more.
func names(list []string, all int64) string {
	text := strings.Join(list, ", ")
	if more := all - int64(len(list)); more > 0 && text != "" {
		text += fmt.Sprintf(" and %s more", count(more))
	}
	return text
}
