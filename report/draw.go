package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"
)

// A picture is drawn on so many units, which are about pixels on a telephone: its text stays readable there, and grows elsewhere.
const (
	wide  = 360.0
	high  = 150.0
	left  = 44.0 // for the numbers beside it
	right = 354.0
	top   = 10.0
	floor = 128.0 // the line that bars stand on; the dates are below
)

// drawing is an SVG that is being written. All text in it is escaped.
type drawing struct{ strings.Builder }

func newDrawing(says string) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, wide, high, html.EscapeString(says))
	return d
}

func (d *drawing) done() template.HTML { return template.HTML(d.String() + "</svg>") }

// bar is a rectangle with a text that a pointer over it shows.
func (d *drawing) bar(class string, x, y, width, height float64, says string) {
	if height <= 0 || width <= 0 {
		return
	}
	fmt.Fprintf(d, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f">`, class, x, y, width, height)
	if says != "" {
		fmt.Fprintf(d, `<title>%s</title>`, html.EscapeString(says))
	}
	d.WriteString("</rect>")
}

func (d *drawing) text(class, anchor string, x, y float64, says string) {
	fmt.Fprintf(d, `<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`, class, anchor, x, y, html.EscapeString(says))
}

func (d *drawing) line(class string, points [][2]float64) {
	if len(points) == 0 {
		return
	}
	if len(points) == 1 { // a dot is seen, a line of one point is not
		fmt.Fprintf(d, `<circle class="%s" cx="%.1f" cy="%.1f" r="2"/>`, class, points[0][0], points[0][1])
		return
	}
	var list []string
	for _, p := range points {
		list = append(list, fmt.Sprintf("%.1f,%.1f", p[0], p[1]))
	}
	fmt.Fprintf(d, `<polyline class="%s" points="%s"/>`, class, strings.Join(list, " "))
}

// scale has a round top that all values fit below.
type scale struct{ most float64 }

func scaleOf(most float64) scale {
	if most <= 0 {
		return scale{1}
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8, 10} {
		if step*power >= most {
			if most = step * power; most < 20 && most > 1 { // a half of it is written beside it
				most = 2 * math.Ceil(most/2)
			}
			return scale{most}
		}
	}
	return scale{10 * power}
}

func (s scale) y(value float64) float64 { return floor - (floor-top)*min(value, s.most)/s.most }

// axis draws the top, the middle and the floor of a scale with their values.
func (d *drawing) axis(s scale, label func(float64) string) {
	steps := []float64{0, s.most / 2, s.most}
	if s.most == 1 {
		steps = []float64{0, 1}
	}
	for _, v := range steps {
		y := s.y(v)
		fmt.Fprintf(d, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, left, right, y, y)
		d.text("axis", "end", left-4, y+3, label(v))
	}
}

// short writes a number in the few places beside a picture.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v/1e6), ".0") + "M"
	case v >= 1e4:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v/1e3), ".0") + "k"
	}
	return count(int64(math.Round(v)))
}

// draw makes the pictures.
func (p *page) draw(stock []bucket, nights map[string][]night, servers map[string][]minute) {
	for _, f := range []struct{ name, title string }{
		{"rows", "Rows read"}, {"product_updates", "Product updates"}, {"product_creates", "New products"}, {"sell_orders", "Sell orders"},
	} {
		if list := p.tonight(f.name, nights[f.name]); len(list) > 0 {
			p.Nights = append(p.Nights, drawNights(f.title, p.own(f.name), list))
		}
	}
	if slices.ContainsFunc(stock, func(b bucket) bool { return b.Was+b.Becomes > 0 }) {
		p.Stock = drawStock(stock)
	}
	for _, s := range []struct{ key, name string }{{"magento", "Magento"}, {"optiply", "Optiply"}} {
		if minutes := servers[s.key]; len(minutes) > 0 {
			p.Servers = append(p.Servers, drawServer(s.name, minutes))
		}
	}
}

// tonight adds this run's own figure to the history, which knows of the runs before it only.
func (p *page) tonight(figure string, list []night) []night {
	if len(list) == 0 {
		return nil
	}
	value := p.own(figure)
	today := &list[len(list)-1]
	switch {
	case value < 0:
	case p.Loaded:
		today.Sent = max(today.Sent, 0) + value
	default:
		today.Unsent = max(today.Unsent, 0) + value
	}
	return list
}

// own is this run's own figure; -1 where it has none.
func (p *page) own(figure string) int64 {
	if figure == "rows" {
		return p.Rows
	}
	if value, known := p.Planned[figure]; known {
		return value
	}
	return -1
}

// drawNights draws a bar a night over the band of its weekday. own is the part of this run in the last one.
func drawNights(title string, own int64, list []night) picture {
	most := 1.0
	for _, n := range list {
		most = max(most, float64(n.Sent+max(n.Unsent, 0)), float64(n.High))
	}
	today := list[len(list)-1]
	d, s := newDrawing(title+" of the last 30 nights"), scaleOf(most)
	step := (right - left) / float64(len(list))
	for i, n := range list {
		if n.High >= 0 {
			y := s.y(float64(n.High))
			d.bar("band", left+float64(i)*step, y, step+0.1, s.y(float64(n.Low))-y, fmt.Sprintf("%s: %s to %s are usual", n.Day.Format("Mon 2 Jan"), count(n.Low), count(n.High)))
		}
	}
	d.axis(s, short)
	for i, n := range list {
		x, width := left+float64(i)*step+step*0.18, step*0.64
		class := "bar"
		if i == len(list)-1 {
			class = "bar today"
		}
		if n.Sent >= 0 {
			d.bar(class, x, s.y(float64(n.Sent)), width, floor-s.y(float64(n.Sent)), n.Day.Format("Mon 2 Jan")+": "+count(n.Sent))
		}
		if n.Unsent > 0 {
			base := s.y(float64(max(n.Sent, 0)))
			height := floor - s.y(float64(n.Unsent))
			d.bar("unsent", x, base-height, width, height, n.Day.Format("Mon 2 Jan")+": "+count(n.Unsent)+" not loaded")
		}
	}
	d.text("axis", "start", left, floor+14, list[0].Day.Format("2 Jan"))
	d.text("axis", "middle", (left+right)/2, floor+14, list[len(list)/2].Day.Format("2 Jan"))
	d.text("axis", "end", right, floor+14, today.Day.Format("Mon 2 Jan"))
	text, all := count(max(own, 0)), max(today.Sent, 0)+max(today.Unsent, 0)
	if all != max(own, 0) {
		text += fmt.Sprintf(" in this run, %s on this day", count(all))
	}
	if today.High >= 0 {
		text += fmt.Sprintf("; on a %s %s to %s are usual", today.Day.Weekday(), count(today.Low), count(today.High))
	}
	return picture{Title: title, Text: text, SVG: d.done()}
}

// drawStock draws two bars a range of stock.
func drawStock(list []bucket) template.HTML {
	most := 1.0
	for _, b := range list {
		most = max(most, float64(b.Was), float64(b.Becomes))
	}
	d, s := newDrawing("Products by stock, before and after"), scaleOf(most)
	d.axis(s, short)
	step := (right - left) / float64(len(list))
	for i, b := range list {
		x := left + float64(i)*step
		d.bar("was", x+step*0.12, s.y(float64(b.Was)), step*0.36, floor-s.y(float64(b.Was)), fmt.Sprintf("stock %s before: %s", b.Label, plural(b.Was, "product")))
		d.bar("bar", x+step*0.52, s.y(float64(b.Becomes)), step*0.36, floor-s.y(float64(b.Becomes)), fmt.Sprintf("stock %s after: %s", b.Label, plural(b.Becomes, "product")))
		d.text("axis", "middle", x+step/2, floor+14, b.Label)
	}
	return d.done()
}

// drawServer draws how fast a server answered, and how much was asked of it.
func drawServer(name string, list []minute) server {
	from, each := list[0].At, time.Duration(list[0].Minutes)*time.Minute
	until := list[len(list)-1].At.Add(each)
	x := func(t time.Time) float64 {
		return left + (right-left)*float64(t.Sub(from))/float64(until.Sub(from))
	}
	var asked, again, failed int64
	slow, busy, least, most := 0.0, 0.0, int64(-1), int64(-1)
	for _, m := range list {
		asked, again, failed = asked+m.Requests, again+m.Retries, failed+m.Failed
		slow, busy = max(slow, m.Slow), max(busy, float64(m.Requests)/float64(m.Minutes))
		if m.Least > 0 && (least < 0 || m.Least < least) {
			least = m.Least
		}
		most = max(most, m.Most)
	}
	times := func(d *drawing) {
		d.text("axis", "start", left, floor+14, from.Format("15:04"))
		d.text("axis", "end", right, floor+14, until.Format("15:04")+" UTC")
	}
	latency, s := newDrawing("Latency of "+name), scaleOf(slow)
	latency.axis(s, func(ms float64) string {
		if ms == 0 {
			return "0"
		}
		return strings.ReplaceAll(millis(ms), " ", "\u2009")
	})
	var middles, slows [][2]float64
	for _, m := range list {
		at := x(m.At.Add(each / 2))
		middles, slows = append(middles, [2]float64{at, s.y(m.Middle)}), append(slows, [2]float64{at, s.y(m.Slow)})
	}
	latency.line("slow", slows)
	latency.line("middle", middles)
	times(latency)

	rate, s := newDrawing("Requests to "+name+" a minute"), scaleOf(busy)
	rate.axis(s, short)
	width := max((x(from.Add(each))-left)*0.8, 0.8)
	var allowed [][2]float64
	for _, m := range list {
		good, bad := float64(m.Requests-m.Failed)/float64(m.Minutes), float64(m.Failed)/float64(m.Minutes)
		says := fmt.Sprintf("%s: %s, %d of them again, %d failed", m.At.Format("15:04"), plural(m.Requests, "request"), m.Retries, m.Failed)
		rate.bar("bar", x(m.At), s.y(good), width, floor-s.y(good), says)
		rate.bar("failed", x(m.At), s.y(good+bad), width, s.y(good)-s.y(good+bad), says)
		if m.Most > 0 {
			y := top + (floor-top)*(1-float64(m.Most)/float64(max(most, 1)))*0.9
			allowed = append(allowed, [2]float64{x(m.At), y}, [2]float64{x(m.At.Add(each)), y})
		}
	}
	rate.line("allowed", allowed)
	times(rate)

	text := fmt.Sprintf("%s, %s, %s failed", plural(asked, "request"), map[bool]string{true: "1 retry", false: count(again) + " retries"}[again == 1], count(failed))
	pace := "Requests a minute"
	if most > 0 {
		pace = fmt.Sprintf("Requests a minute; up to %d at a time were allowed", most)
		if least < most {
			pace = fmt.Sprintf("Requests a minute; from %d to %d at a time were allowed", least, most)
		}
	}
	return server{Name: name, Text: text, Pictures: []picture{
		{Title: "Latency", Text: "Median, and the slowest twentieth of each minute", SVG: latency.done()},
		{Title: "Politeness", Text: pace, SVG: rate.done()},
	}}
}
