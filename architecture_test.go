package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file enforces section 2 of DESIGN.md: which way the arrows point. The rules
// are functions over a graph of packages and over source text, so that the tests
// at the end can show that each of them fails when it is broken.

const module = "magento-optiply"

// listed is what is used of `go list -json`.
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
}

// graph holds every package that the program is built from, by import path.
type graph map[string]listed

// set is a predicate over import paths.
type set func(importPath string) bool

// in holds the packages of a tree of ours: in("magento") has magento/magentotest.
func in(trees ...string) set {
	return func(p string) bool {
		return slices.ContainsFunc(trees, func(tree string) bool { return within(module+"/"+tree, p) })
	}
}

// from holds a module of somebody else, in each of its major versions.
func from(modules ...string) set {
	return func(p string) bool {
		return slices.ContainsFunc(modules, func(m string) bool { return within(m, p) })
	}
}

func within(tree, p string) bool { return p == tree || strings.HasPrefix(p, tree+"/") }
func root(p string) bool         { return p == module }
func ours(p string) bool         { return within(module, p) }
func not(s set) set              { return func(p string) bool { return !s(p) } }
func either(sets ...set) set {
	return func(p string) bool { return slices.ContainsFunc(sets, func(s set) bool { return s(p) }) }
}
func both(a, b set) set { return func(p string) bool { return a(p) && b(p) } }

var driver = from("github.com/marcboeker/go-duckdb", "github.com/duckdb")

// database leaves out database/sql/driver, which libraries import for the sake of
// their value types.
func database(p string) bool { return p == "database/sql" || driver(p) }

func http(p string) bool { return p == "net/http" }

// rule says what some packages must not import.
type rule struct {
	who    set
	avoid  set
	direct bool // only what is imported by name, not what that imports in turn
	closed set  // packages that are not looked into
	advice string
}

func rules() []rule {
	return []rule{
		{
			who: in("magento"), avoid: both(ours, not(in("magento", "politeness"))),
			advice: "magento is a client and imports nothing of ours but politeness: pass it plain values",
		},
		{
			who: in("optiply"), avoid: both(ours, not(in("optiply", "politeness"))),
			advice: "optiply is a client and imports nothing of ours but politeness: pass it plain values",
		},
		{
			who: in("politeness"), avoid: either(ours, http, database),
			advice: "politeness counts requests and knows neither who is asked nor how: have a client tell it what an answer means",
		},
		{
			who: in("magento", "optiply"), avoid: database,
			advice: "clients know no database: give rows to their caller, who keeps them in store",
		},
		{
			who: in("extract"), avoid: in("optiply", "load"),
			advice: "extract and load meet only in the database: write a table of the run file",
		},
		{
			who: in("load", "adopt"), avoid: in("magento", "extract"),
			advice: "extract and load meet only in the database: read a table of the run file",
		},
		{
			who: in("transform"), avoid: either(http, in("magento", "optiply")), closed: driver,
			advice: "transform is SQL over a run file and reaches no HTTP: have extract or load do it",
		},
		{
			who: in("alert"), avoid: either(ours, database), direct: true,
			advice: "alert tells plain values to others: pass it what it is to say",
		},
		{
			who: in("report", "traffic"), avoid: either(http, in("magento", "optiply", "extract", "transform", "load")), closed: driver,
			advice: "the report is made of tables of the run file, and asks nobody: read a table, or be given a value",
		},
		{
			who: in("recording"), avoid: in("extract", "transform", "load", "optiply"),
			advice: "recording turns tables of a run file back into a shop, and asks or sends nothing: read a table, and let commands do the rest",
		},
		{
			who: in("fleet"), avoid: in("magento", "optiply", "extract", "transform", "load", "adopt", "recording", "config"),
			advice: "fleet knows of a shop only its name and its folder: have commands give it a function that runs one",
		},
		{
			who: not(in("fleet", "commands")), avoid: either(in("fleet"), from("github.com/riverqueue/river", "github.com/jackc/pgx", "modernc.org/sqlite", "gocloud.dev", "github.com/robfig/cron")),
			direct: true,
			advice: "what is needed for several machines stays in fleet: no run of one shop depends on it",
		},
		{
			who: in("commands"), avoid: from("github.com/riverqueue/river", "github.com/jackc/pgx", "modernc.org/sqlite", "gocloud.dev", "github.com/robfig/cron"), direct: true,
			advice: "only fleet names the queue, its databases and object storage: give it a function, or take a result",
		},
		{
			who: not(in("commands")), avoid: from("github.com/urfave/cli", "github.com/schollz/progressbar"), direct: true,
			advice: "only commands draws and parses flags: return a result, or report progress by a callback",
		},
		{
			who: not(in("store")), avoid: driver, direct: true,
			advice: "only store names the DuckDB driver: use what store opens",
		},
		{
			who: not(either(root, in("commands"))), avoid: in("commands"), direct: true,
			advice: "only main imports commands: move what is shared to the package whose noun it is",
		},
	}
}

// broken lists where a graph breaks the rules, one sentence each.
func (g graph) broken() []string {
	var out []string
	for _, p := range g.ours() {
		for _, r := range rules() {
			if !r.who(p) {
				continue
			}
			if chain := g.find(p, r); chain != nil {
				out = append(out, fmt.Sprintf("%s. %s", strings.Join(chain, " imports "), r.advice))
			}
		}
		for _, name := range []string{g[p].Name, path.Base(p)} {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "model", "models", "types"}, name) {
				out = append(out, fmt.Sprintf("package %s is named %s. Name it after the noun it holds", p, name))
				break
			}
		}
	}
	return out
}

func (g graph) ours() []string {
	var out []string
	for p := range g {
		if ours(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// find gives the shortest way from a package to one that the rule wants avoided.
func (g graph) find(start string, r rule) []string {
	queue, seen := [][]string{{start}}, map[string]bool{start: true}
	for len(queue) > 0 {
		chain := queue[0]
		queue = queue[1:]
		for _, next := range g[chain[len(chain)-1]].Imports {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clone(chain), next)
			if r.avoid(next) {
				return longer
			}
			if !r.direct && (r.closed == nil || !r.closed(next)) {
				queue = append(queue, longer)
			}
		}
	}
	return nil
}

// outside are the names through which a program meets its process.
func outside() map[string][]string {
	return map[string][]string{
		"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Stdout", "Exit"},
		"syscall": {"Getenv", "Environ", "Stdout", "Exit"},
		"fmt":     {"Print", "Printf", "Println"},
		"log":     {"Fatal", "Fatalf", "Fatalln"},
	}
}

// brokenSource lists what a file that is no test has no right to.
func brokenSource(importPath, filename string, source []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filename, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out []string
	report := func(at token.Pos, format string, args ...any) {
		out = append(out, fmt.Sprintf("%s: %s", files.Position(at), fmt.Sprintf(format, args...)))
	}
	names := map[string]string{} // what a file calls a package of outside()
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		switch {
		case outside()[imported] == nil:
		case spec.Name == nil:
			names[imported] = imported
		case spec.Name.Name == ".":
			report(spec.Pos(), "imports %s with a dot. Name it, so that one can see what is used of it", imported)
		default:
			names[spec.Name.Name] = imported
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				report(n.Pos(), "func init. Do it in a constructor, where its caller can see it")
			}
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			if !ok || !slices.Contains(outside()[names[pkg.Name]], n.Sel.Name) {
				return true
			}
			used := names[pkg.Name] + "." + n.Sel.Name
			if !in("commands", "bench")(importPath) && (!root(importPath) || !mainMay(used)) {
				report(n.Pos(), "%s outside of commands. Take a value or a writer from the caller, return an error or a result", used)
			}
		}
		return true
	})
	return out, nil
}

// mainMay is what main.go needs of the process itself. The rest it leaves to commands.
func mainMay(used string) bool { return used == "os.Exit" }

func TestArchitecture_ImportsFollowTheDesign(t *testing.T) {
	for _, sentence := range list(t).broken() {
		t.Error(sentence)
	}
}

func TestArchitecture_OnlyCommandsMeetsTheProcess(t *testing.T) {
	packages := list(t)
	for _, p := range packages.ours() {
		pkg := packages[p]
		for _, name := range slices.Concat(pkg.GoFiles, pkg.CgoFiles) {
			filename := filepath.Join(pkg.Dir, name)
			source, err := os.ReadFile(filename)
			if err != nil {
				t.Fatal(err)
			}
			sentences, err := brokenSource(p, filename, source)
			if err != nil {
				t.Fatal(err)
			}
			for _, sentence := range sentences {
				t.Error(sentence)
			}
		}
	}
}

// list asks go for all packages of the module and all they are built from.
func list(t *testing.T) graph {
	t.Helper()
	watch(t)
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Name,Dir,Imports,GoFiles,CgoFiles", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = p
	}
	if len(g.ours()) == 0 {
		t.Fatalf("go list names no package of %s", module)
	}
	return g
}

// watch opens every folder and Go file, because what `go list` reads is unknown to
// the cache of go test, which would repeat an old result after a change.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile, by an editor or another test
			return nil
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go"):
			_, err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// design is a small program that breaks no rule.
func design() map[string][]string {
	return map[string][]string{
		module:                                 {"os", module + "/commands"},
		module + "/commands":                   {"github.com/urfave/cli/v2", "github.com/schollz/progressbar/v3", module + "/extract", module + "/transform", module + "/load", module + "/config"},
		module + "/config":                     {"os"},
		module + "/extract":                    {module + "/magento", module + "/store"},
		module + "/transform":                  {module + "/store"},
		module + "/load":                       {module + "/optiply", module + "/store"},
		module + "/adopt":                      {module + "/optiply", module + "/store"},
		module + "/recording":                  {module + "/store", module + "/config"},
		module + "/fleet":                      {module + "/store", "github.com/riverqueue/river", "net/http"},
		module + "/store":                      {"database/sql", "github.com/marcboeker/go-duckdb/v2"},
		module + "/alert":                      {"net/http"},
		module + "/magento":                    {"net/http", "github.com/google/uuid"},
		module + "/magento/magentotest":        {module + "/magento", "net/http"},
		module + "/optiply":                    {"net/http"},
		module + "/optiply/sandbox":            {module + "/optiply"},
		module + "/politeness":                 nil,
		"github.com/marcboeker/go-duckdb/v2":   {"database/sql", "github.com/apache/arrow-go"},
		"github.com/apache/arrow-go":           {"net/http"},
		"github.com/google/uuid":               {"database/sql/driver"},
		"github.com/urfave/cli/v2":             {"os"},
		"github.com/schollz/progressbar/v3":    {"os"},
		"example.com/tracing":                  {"net/http"},
		"example.com/schema":                   {"database/sql"},
		module + "/" + "fixtures":              nil,
		"os":                                   nil,
		"net/http":                             nil,
		"database/sql":                         nil,
		"database/sql/driver":                  nil,
		"github.com/duckdb/duckdb-go-bindings": nil,
		"github.com/riverqueue/river":          nil,
		"github.com/jackc/pgx/v5":              nil,
		"github.com/robfig/cron/v3":            nil,
	}
}

func TestArchitecture_RulesFailWhenBroken(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     string // part of a sentence; empty when the import is allowed
	}{
		{"extract", "config", ""},
		{"commands", "magento/magentotest", ""},
		{"commands", "optiply/sandbox", ""},
		{"magento", "config", "magento imports magento-optiply/config. magento is a client"},
		{"magento/magentotest", "store", "magento is a client"},
		{"magento", "optiply", "magento is a client"},
		{"magento", "politeness", ""},
		{"optiply", "politeness", ""},
		{"politeness", "config", "politeness counts requests"},
		{"politeness", "net/http", "politeness counts requests"},
		{"optiply", "config", "optiply is a client"},
		{"optiply/sandbox", "magento", "optiply is a client"},
		{"optiply", "database/sql", "clients know no database"},
		{"magento", "example.com/schema", "magento imports example.com/schema imports database/sql. clients know no database"},
		{"extract", "optiply", "extract and load meet only in the database"},
		{"extract", "load", "extract and load meet only in the database"},
		{"adopt", "magento", "extract and load meet only in the database"},
		{"load", "magento", "extract and load meet only in the database"},
		{"load", "magento/magentotest", "extract and load meet only in the database"},
		{"load", "fixtures", ""},
		{"recording", "magento/magentotest", ""},
		{"recording", "optiply/sandbox", "recording turns tables of a run file back into a shop"},
		{"recording", "extract", "recording turns tables of a run file back into a shop"},
		{"transform", "net/http", "transform is SQL"},
		{"transform", "example.com/tracing", "transform imports example.com/tracing imports net/http. transform is SQL"},
		{"store", "example.com/tracing", "transform imports magento-optiply/store imports example.com/tracing imports net/http. transform is SQL"},
		{"config", "github.com/urfave/cli/v2", "only commands draws"},
		{"extract", "github.com/schollz/progressbar/v3", "only commands draws"},
		{"", "github.com/urfave/cli/v2", "only commands draws"},
		{"transform", "github.com/marcboeker/go-duckdb/v2", "only store names the DuckDB driver"},
		{"commands", "github.com/duckdb/duckdb-go-bindings", "only store names the DuckDB driver"},
		{"config", "commands", "only main imports commands"},
		{"commands", "fleet", ""},
		{"fleet", "extract", "fleet knows of a shop only its name"},
		{"fleet", "optiply/sandbox", "fleet knows of a shop only its name"},
		{"load", "fleet", "what is needed for several machines stays in fleet"},
		{"store", "github.com/jackc/pgx/v5", "what is needed for several machines stays in fleet"},
		{"config", "github.com/robfig/cron/v3", "what is needed for several machines stays in fleet"},
		{"commands", "github.com/riverqueue/river", "only fleet names the queue"},
		{"alert", "config", "alert tells plain values"},
		{"alert", "net/http", ""},
	} {
		t.Run(test.from+" imports "+test.to, func(t *testing.T) {
			imports := design()
			importer, imported := module, test.to
			if test.from != "" {
				importer += "/" + test.from
			}
			if _, external := imports[imported]; !external {
				imported = module + "/" + test.to
			}
			imports[importer] = append(imports[importer], imported)
			wantSentences(t, program(imports).broken(), test.want)
		})
	}
}

func TestArchitecture_NamesThatSayNothingFail(t *testing.T) {
	for _, name := range []string{"util", "common", "helpers", "models", "types"} {
		imports := design()
		imports[module+"/store/"+name] = nil
		wantSentences(t, program(imports).broken(), "is named "+name)
	}
	g := program(design())
	p := g[module+"/store"]
	p.Name = "common"
	g[module+"/store"] = p
	wantSentences(t, g.broken(), "is named common")
}

func program(imports map[string][]string) graph {
	g := graph{}
	for p, list := range imports {
		g[p] = listed{ImportPath: p, Name: path.Base(p), Imports: list}
	}
	return g
}

func TestArchitecture_SourcesFailWhenTheyMeetTheProcess(t *testing.T) {
	for _, test := range []struct {
		in, source string
		want       string
	}{
		{"commands", `import ("os"; "fmt"; "log"); func f() { fmt.Println(os.Getenv("X")); log.Fatal(os.Stdout); os.Exit(1) }`, ""},
		{"", `import "os"; func f() { os.Exit(1) }`, ""},
		{"bench", `import "os"; var v = os.Stdout`, ""},
		{"", `import "os"; var v = os.Stdout`, "os.Stdout outside of commands"},
		{"", `import "os"; var v = os.Environ()`, "os.Environ outside of commands"},
		{"load", `import "os"; func f() { os.Exit(1) }`, "os.Exit outside of commands"},
		{"store", `import "os"; var v = os.Getenv("X")`, "x.go:1:33: os.Getenv outside of commands"},
		{"store", `import "os"; var v, _ = os.LookupEnv("X")`, "os.LookupEnv outside of commands"},
		{"store", `import env "os"; var v = env.LookupEnv`, "os.LookupEnv outside of commands"},
		{"store", `import "syscall"; var v, _ = syscall.Getenv("X")`, "syscall.Getenv outside of commands"},
		{"store", `import . "os"; var v = Getenv("X")`, "imports os with a dot"},
		{"store", `import "os"; var v = os.Stderr`, ""},
		{"extract", `import "fmt"; func f() { fmt.Printf("x") }`, "fmt.Printf outside of commands"},
		{"extract", `import "fmt"; func f() { fmt.Print("x") }`, "fmt.Print outside of commands"},
		{"extract", `import "fmt"; var v = fmt.Sprint("x")`, ""},
		{"magento", `import "log"; func f() { log.Fatalf("x") }`, "log.Fatalf outside of commands"},
		{"config", `func init() {}`, "func init"},
		{"commands", `func init() {}`, "func init"},
		{"config", `type t struct{}; func (t) init() {}`, ""},
		{"config", `type p struct{ Stdout int }; func f(os p) int { return os.Stdout }`, ""},
	} {
		t.Run(test.in+" "+test.source, func(t *testing.T) {
			p := strings.TrimSuffix(module+"/"+test.in, "/")
			got, err := brokenSource(p, "x.go", []byte("package x; "+test.source))
			if err != nil {
				t.Fatal(err)
			}
			wantSentences(t, got, test.want)
		})
	}
}

// wantSentences wants a sentence with a part in it, or none at all.
func wantSentences(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) == 0:
	case want != "" && slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }):
	default:
		t.Errorf("got %q, want %q", got, want)
	}
}
