package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A page quotes what the program says so that a person finds it by the words on the screen. These tests hold the words to the code:
// a message that was changed is to be changed on the page too.

// said is every text of the program: strings of its Go files (those that are added up with + as one), and its SQL.
func said(t *testing.T) (texts []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "magentotest" || d.Name() == "fixtures" || len(path) > 1 && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".sql"):
			text, err := os.ReadFile(path)
			texts = append(texts, strings.ReplaceAll(string(text), "''", "'"))
			return err
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			expression, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := added(expression)
			if ok {
				texts = append(texts, text)
			}
			return !ok
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// added is the text of strings that are added up; what stands between them is "…".
func added(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, isLeft := added(e.X)
		right, isRight := added(e.Y)
		if !isLeft {
			left = "…"
		}
		if !isRight {
			right = "…"
		}
		return left + right, isLeft || isRight
	case *ast.ParenExpr:
		return added(e.X)
	}
	return "", false
}

// unsaid are the pieces of a quoted message that no text of the program holds. What changes from time to time is … in it.
func unsaid(message string, texts []string) (missing []string) {
	for _, piece := range strings.Split(message, "…") {
		piece = strings.TrimSpace(piece)
		if len(piece) < 4 {
			continue
		}
		found := false
		for _, text := range texts {
			if found = strings.Contains(text, piece); found {
				break
			}
		}
		if !found {
			missing = append(missing, piece)
		}
	}
	return missing
}

// quoted are the messages of a page, in italics: *is missing*.
var quoted = regexp.MustCompile(`(?:^|[^*\\])\*([^*\s][^*\n]*[^*\s])\*(?:[^*]|$)`)

func TestDocuments_QuoteWhatTheProgramSays(t *testing.T) {
	texts := said(t)
	for page, atLeast := range map[string]int{"docs/failures.md": 30, "docs/mapping-rules.md": 10} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := quoted.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1)
		if len(found) < atLeast {
			t.Errorf("%s quotes %d messages; the test does not find them", page, len(found))
		}
		for _, m := range found {
			for _, piece := range unsaid(m[1], texts) {
				t.Errorf("%s quotes *%s*, and the program never says %q", page, m[1], piece)
			}
		}
	}
}

func TestDocuments_AMessageThatIsNotSaidIsFound(t *testing.T) {
	texts := []string{"another run holds the lock %s: wait", "the disk is full"}
	if got := unsaid("another run holds the lock …: wait", texts); got != nil {
		t.Errorf("it is said, and %q was not found", got)
	}
	if got := unsaid("the disk is fuller … now", texts); len(got) != 1 {
		t.Errorf("found %q", got)
	}
}

// TestDocuments_EveryRuleIsExplained holds docs/mapping-rules.md to the files of transform/sql.
func TestDocuments_EveryRuleIsExplained(t *testing.T) {
	page, err := os.ReadFile("docs/mapping-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Glob("transform/sql/*.sql")
	if err != nil || len(rules) < 20 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	for _, rule := range rules {
		name := filepath.Base(rule)
		if name != "000_settings.sql" && !strings.HasSuffix(name, "_check.sql") && !strings.Contains(string(page), "](../"+rule+")") {
			t.Errorf("docs/mapping-rules.md has nothing of %s", name)
		}
	}
}
