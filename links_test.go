package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the documents of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.md", "docs/*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
	code    = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are what a heading of a page can be linked by, as the usual viewers make it of its words.
func anchors(page string) (list []string) {
	count := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		slug := strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		if n := count[slug]; n > 0 {
			list = append(list, fmt.Sprintf("%s-%d", slug, n))
		} else {
			list = append(list, slug)
		}
		count[slug]++
	}
	return list
}

// brokenLinks are the links of a page in the repository that lead nowhere.
func brokenLinks(page string, text string, read func(string) (string, error)) (broken []string) {
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(fence.ReplaceAllString(text, ""), ""), -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		target, anchor, _ := strings.Cut(m[1], "#")
		file := page
		if target != "" {
			file = filepath.Join(filepath.Dir(page), target)
		}
		there, err := read(file)
		if err != nil || anchor != "" && !slices.Contains(anchors(there), anchor) {
			broken = append(broken, m[1])
		}
	}
	return broken
}

// readAny reads a file; of a folder it only says that it is there.
func readAny(name string) (string, error) {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return "", err
	}
	data, err := os.ReadFile(name)
	return string(data), err
}

func TestDocuments_EveryLinkLeadsSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text, err := readAny(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range brokenLinks(page, text, readAny) {
			t.Errorf("%s: the link to %s leads nowhere", page, target)
		}
	}
}

func TestDocuments_ALinkThatLeadsNowhereIsFound(t *testing.T) {
	text := "# One `b-c`, two!\n[a](x.md) [b](#one-b-c-two) [c](#three) [d](docs/README.md#no) [e](https://x.example/y) `[f](g.md)`\n## Three\n## Three\n[g](#three-1)\n[h](commands)"
	read := func(name string) (string, error) {
		if name == "page.md" {
			return text, nil
		}
		return readAny(name)
	}
	if got, want := brokenLinks("page.md", text, read), []string{"x.md", "docs/README.md#no"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestDocuments_TheIndexNamesEveryPage keeps a page from being there for nobody.
func TestDocuments_TheIndexNamesEveryPage(t *testing.T) {
	index, err := os.ReadFile("docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && name != "README.md" && !strings.Contains(string(index), "]("+name+")") {
			t.Errorf("docs/README.md does not name %s", name)
		}
	}
}
