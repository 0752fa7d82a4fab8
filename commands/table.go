package commands

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// column is the head of a table's column.
type column struct {
	Name  string
	Right bool // numbers
	Wrap  bool // a long text is broken into lines rather than cut
	Spare int  // left out when the table is too wide, the highest first; 0 is never left out
}

// grid is a table to print. Width 0 means that it may be as wide as it gets; Plain means ASCII only.
type grid struct {
	Columns []column
	Rows    [][]string
	Width   int
	Plain   bool
}

// minColumn is how narrow a column may be made for a table to fit.
const minColumn = 5

// print writes the table. A text that was cut to fit ends in "…" ("..." in plain).
func (g grid) print(w io.Writer) error {
	g = g.slim()
	t := table.NewWriter()
	t.SetStyle(g.style())
	t.Style().Format.Header = text.FormatDefault
	widths := g.fit()
	head, configs := table.Row{}, []table.ColumnConfig{}
	for i, c := range g.Columns {
		head = append(head, g.cell(c.Name, i, widths[i]))
		config := table.ColumnConfig{Number: i + 1, WidthMax: widths[i]}
		if c.Right {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		if c.Wrap {
			config.WidthMaxEnforcer = text.WrapSoft
		}
		configs = append(configs, config)
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for _, r := range g.Rows {
		row := make(table.Row, len(r))
		for i, value := range r {
			row[i] = g.cell(value, i, widths[i])
		}
		t.AppendRow(row)
	}
	for line := range strings.Lines(t.Render() + "\n") {
		if _, err := io.WriteString(w, strings.TrimRightFunc(line, unicode.IsSpace)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// style has no frame: two spaces between columns, and a line under the head.
func (g grid) style() table.Style {
	s := table.StyleLight
	if g.Plain {
		s = table.StyleDefault
	}
	s.Options = table.Options{SeparateHeader: true, SeparateColumns: true}
	line := s.Box.MiddleHorizontal
	s.Box.MiddleVertical, s.Box.MiddleSeparator = " ", line
	s.Box.PaddingLeft, s.Box.PaddingRight = "", " "
	if g.Plain {
		s.Box.MiddleSeparator = " "
	}
	return s
}

// cell makes a value fit for one line of a table: no control characters, and no wider than its column.
func (g grid) cell(value string, i, width int) string {
	value = printable(value)
	if g.Columns[i].Wrap || width <= 0 || text.StringWidth(value) <= width {
		return value
	}
	end := "…"
	if g.Plain {
		end = "..."
	}
	return text.Trim(value, width-text.StringWidth(end)) + end
}

// printable shows a line break as "\n" and leaves out other control characters, with which a value read from a shop could
// write on the terminal.
func printable(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case !unicode.IsControl(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// gap is the room between two columns.
const gap = 2

// slim leaves out spare columns until the table fits.
func (g grid) slim() grid {
	for g.tooWide() {
		most := 0
		for i, c := range g.Columns {
			if c.Spare > g.Columns[most].Spare {
				most = i
			}
		}
		if len(g.Columns) == 0 || g.Columns[most].Spare == 0 {
			break
		}
		g.Columns = slices.Delete(slices.Clone(g.Columns), most, most+1)
		rows := make([][]string, len(g.Rows))
		for i, r := range g.Rows {
			rows[i] = slices.Delete(slices.Clone(r), most, most+1)
		}
		g.Rows = rows
	}
	return g
}

// tooWide tells whether the table does not fit as it is.
func (g grid) tooWide() bool {
	return g.Width > 0 && g.Width < sum(g.natural())+gap*len(g.Columns)-1
}

// natural is how wide each column would like to be.
func (g grid) natural() []int {
	widths := make([]int, len(g.Columns))
	for i, c := range g.Columns {
		widths[i] = text.StringWidth(printable(c.Name))
		for _, r := range g.Rows {
			widths[i] = max(widths[i], text.StringWidth(printable(r[i])))
		}
	}
	return widths
}

// fit narrows the widest columns until the table is as wide as it may be.
func (g grid) fit() []int {
	widths := g.natural()
	if g.Width <= 0 {
		return widths
	}
	for g.Width < sum(widths)+gap*len(widths)-1 {
		widest := -1
		for i, c := range g.Columns {
			if !c.Right && widths[i] > minColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // only numbers are left, and a number is not cut
		}
		widths[widest]--
	}
	return widths
}

func sum(list []int) int {
	total := 0
	for _, n := range list {
		total += n
	}
	return total
}

// count writes a whole number with a comma between thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// plural writes a number and its noun: "1 row", "1,213 rows".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// seconds writes how long something took: "0.2 s", "3 min 05 s", "2 h 07 min".
func seconds(d time.Duration) string {
	switch {
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
}

// size writes a number of bytes: "512 B", "1.2 MB".
func size(bytes int64) string {
	value, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for value >= 999.5 && i < len(units)-1 {
		value, i = value/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

// duration makes one of seconds.
func duration(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
