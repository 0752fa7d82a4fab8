package commands

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logged are the keys by which the program's source logs: those beside a message, and those of slog's own attributes.
func logged(t *testing.T) map[string]token.Position {
	t.Helper()
	keys := map[string]token.Position{}
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "LogValue" {
				continue // of values that keep their secrets out of logs; none is logged
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					for _, key := range keysOf(t, files, call) {
						keys[key] = files.Position(call.Pos())
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// keysOf are the keys of one call, if it logs.
func keysOf(t *testing.T, files *token.FileSet, call *ast.CallExpr) (keys []string) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if on, ok := method.X.(*ast.Ident); ok && on.Name == "slog" && len(call.Args) == 2 && slices.Contains([]string{"String", "Int", "Int64", "Float64", "Bool", "Any", "Duration", "Time"}, method.Sel.Name) {
		return literal(t, files, call.Args[0])
	}
	from := map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "Log": 3, "With": 0}
	first, ok := from[method.Sel.Name]
	if !ok || !isLogger(method.X) || call.Ellipsis.IsValid() {
		return nil
	}
	for i := first; i < len(call.Args); i += 2 {
		if attribute, ok := call.Args[i].(*ast.CallExpr); ok && len(attribute.Args) == 2 {
			i-- // slog.String(...), which is found by itself
			continue
		}
		keys = append(keys, literal(t, files, call.Args[i])...)
	}
	return keys
}

// isLogger tells a logger by its name: log, j.Log, p.job.Log, w.log.With(...).
func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.EqualFold(x.Name, "log")
	case *ast.SelectorExpr:
		return strings.EqualFold(x.Sel.Name, "log")
	case *ast.CallExpr:
		method, ok := x.Fun.(*ast.SelectorExpr)
		return ok && method.Sel.Name == "With" && isLogger(method.X)
	}
	return false
}

func literal(t *testing.T, files *token.FileSet, x ast.Expr) []string {
	text, ok := x.(*ast.BasicLit)
	if !ok || text.Kind != token.STRING {
		t.Errorf("%s: the key of a log line is no text in quotes, so nobody can look it up", files.Position(x.Pos()))
		return nil
	}
	key, err := strconv.Unquote(text.Value)
	if err != nil {
		t.Error(err)
	}
	return []string{key}
}

func TestLogs_EveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	_, table, _ := strings.Cut(string(page), "| key | what it is |")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(table, -1) {
		for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[key[1]] = true
		}
	}
	keys := logged(t)
	if len(keys) < 40 {
		t.Fatalf("only %d keys were found in the source", len(keys))
	}
	for key, at := range keys {
		if !documented[key] {
			t.Errorf("docs/logs.md does not tell the key %s, of %s", key, at)
		}
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(key) {
			t.Errorf("%s: the key %q is not in lower case with underscores", at, key)
		}
	}
	for _, key := range []string{"time", "level", "msg", "type"} {
		keys[key] = token.Position{} // of every line
	}
	for key := range documented {
		if _, ok := keys[key]; !ok {
			t.Errorf("docs/logs.md tells the key %s, which nothing logs", key)
		}
	}
}
