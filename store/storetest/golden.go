package storetest

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the want sections of the golden cases; read the difference before keeping it")

// Golden proves the SQL files of fsys with the cases in testdata/<name of the file without .sql>/*.txtar. Only the file
// of a case is run, after the settings and what the case lays out for it:
//
//	-- rule --                 what is shown, one sentence
//	-- settings --             name=value lines over the defaults
//	-- page/<stream>/<file> -- an answer of Magento, as sent
//	-- setup.sql --            fills the tables that the file reads
//	-- run --                  earlier SQL files that make its inputs, a name a line
//	-- $1 --                   an argument of the file, as text; true and false are booleans
//	-- query.sql --            what is looked at; without it the output table, or what the file answers
//	-- want --                 the table, written by hand or checked by hand after -update
//
// The test fails for a file without a case, a folder without a file, and a header that lacks a line or does not tell
// which tables the file reads.
func Golden(t *testing.T, b *Bench, fsys fs.FS) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(name, ".sql")
		t.Run(base, func(t *testing.T) {
			checkHeader(t, string(text))
			cases, err := filepath.Glob(filepath.Join("testdata", base, "*.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			if len(cases) == 0 {
				t.Errorf("%s has no golden case in testdata/%s", name, base)
			}
			for _, path := range cases {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, b, fsys, name, path) })
			}
		})
	}
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range folders {
		if name := filepath.Base(filepath.Dir(path)) + ".sql"; !slices.Contains(names, name) {
			t.Errorf("%s is a case of %s, which is not there", path, name)
		}
	}
}

func golden(t *testing.T, b *Bench, fsys fs.FS, name, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := b.run(t, fsys, name, archive)
	want := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if *update {
		if want < 0 {
			want = len(archive.Files)
			archive.Files = append(archive.Files, txtar.File{Name: "want"})
		}
		archive.Files[want].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want < 0 {
		t.Fatalf("%s has no want section; this came out:\n%s", path, got)
	}
	if diff := cmp.Diff(lines(string(archive.Files[want].Data)), lines(got)); diff != "" {
		t.Errorf("%s: %s(-want +got)\n%s", path, section(archive, "rule"), diff)
	}
}

// lines are the lines of a table, blanks at their ends aside.
func lines(text string) []string {
	out := strings.Split(strings.TrimSpace(text), "\n")
	for i := range out {
		out[i] = strings.TrimRight(out[i], " \t")
	}
	return out
}

// run lays out a case, runs its file and looks at what came out.
func (b *Bench) run(t *testing.T, fsys fs.FS, name string, archive *txtar.Archive) string {
	t.Helper()
	b.Clear(t)
	var args []any
	for _, f := range archive.Files {
		body := string(bytes.TrimSpace(f.Data))
		parts := strings.Split(f.Name, "/")
		switch {
		case parts[0] == "page" && len(parts) == 3:
			b.Page(t, parts[1], parts[2], body)
		case strings.HasPrefix(f.Name, "$"):
			args = append(args, argument(body))
		case f.Name == "settings":
			for line := range strings.Lines(body) {
				setting, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				b.Set(t, setting, value)
			}
		case !slices.Contains([]string{"rule", "setup.sql", "run", "query.sql", "want"}, f.Name):
			t.Fatalf("section %q: not one of those that Golden knows", f.Name)
		}
	}
	if section(archive, "rule") == "" {
		t.Error("the case does not state its rule")
	}
	if setup := section(archive, "setup.sql"); strings.TrimSpace(setup) != "" {
		b.Exec(t, setup)
	}
	for _, earlier := range append([]string{"000_settings"}, strings.Fields(section(archive, "run"))...) {
		text, err := fs.ReadFile(fsys, earlier+".sql")
		if err != nil && earlier == "000_settings" {
			continue // the SQL of extract and load takes arguments instead
		}
		if err != nil {
			t.Fatal(err)
		}
		b.Exec(t, string(text))
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	query := section(archive, "query.sql")
	if table := outputTable.FindSubmatch(text); query == "" && table != nil {
		query = "FROM " + string(table[1]) + " ORDER BY ALL"
	}
	if query == "" {
		return b.Table(t, string(text), args...)
	}
	b.Exec(t, string(text), args...)
	return b.Table(t, query)
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func argument(text string) any {
	switch text {
	case "true", "false":
		return text == "true"
	}
	return text
}

var (
	outputTable = regexp.MustCompile(`(?m)^-- output: +([a-z]+\.[a-z_]+)`)
	headerLine  = regexp.MustCompile(`(?m)^-- (purpose|inputs|output|grain): +\S`)
	comment     = regexp.MustCompile(`--[^\n]*`)
	literal     = regexp.MustCompile(`'[^']*'`)
	tableName   = regexp.MustCompile(`\b(page|raw|stage|model|before|diff|plan|run|state)\.([a-z_]+|\*)`)
)

// checkHeader compares a file's header with what the file does: each table that it reads is an input, each input is read.
func checkHeader(t *testing.T, text string) {
	t.Helper()
	has := map[string]bool{}
	for _, m := range headerLine.FindAllStringSubmatch(text, -1) {
		has[m[1]] = true
	}
	for _, line := range []string{"purpose", "inputs", "output", "grain"} {
		if !has[line] {
			t.Errorf("its header has no line -- %s:", line)
		}
	}
	header, body, _ := strings.Cut(text, "-- output:")
	_, header, _ = strings.Cut(header, "-- inputs:")
	_, body, _ = strings.Cut(body, "\n")
	output := ""
	if m := outputTable.FindStringSubmatch(text); m != nil {
		output = m[1]
	}
	told := tableName.FindAllString(header, -1)
	read := tableName.FindAllString(literal.ReplaceAllString(comment.ReplaceAllString(body, ""), "''"), -1)
	for _, table := range read {
		schema, _, _ := strings.Cut(table, ".")
		if table != output && !slices.Contains(told, table) && !slices.Contains(told, schema+".*") {
			t.Errorf("it reads %s, and its header does not say so", table)
		}
	}
	for _, table := range told {
		if !strings.HasSuffix(table, ".*") && !slices.Contains(read, table) {
			t.Errorf("its header names the input %s, which it does not read", table)
		}
	}
}
