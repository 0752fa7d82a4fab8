package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// ShopFile is one shop's configuration in a folder of them.
type ShopFile struct {
	Path string
	// Shop is what the file says; the file's own name, without its extension, where the file is broken or says none.
	Shop string
	// Err is why this shop can only fail, for what the file alone cannot tell: another file names the same shop. A file
	// that is broken in itself is found when it is loaded.
	Err error
}

// Folder lists the configurations of a folder, the files *.yaml and *.yml, sorted by shop. It reads no more of them than
// the name of the shop, so that a broken one is an error of its shop alone. A file with the section fleet and no shop is
// none of a shop's.
func Folder(dir string, env func(string) (string, bool)) ([]ShopFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, cause(err))
	}
	var list []ShopFile
	for _, e := range entries {
		base, yaml := strings.CutSuffix(e.Name(), ".yaml")
		base, yml := strings.CutSuffix(base, ".yml")
		if !yaml && !yml || strings.HasPrefix(base, ".") || e.IsDir() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		shop, isShop := shopOf(path, env)
		switch {
		case !isShop:
			continue
		case shop == "":
			shop = base
		}
		list = append(list, ShopFile{Path: path, Shop: shop})
	}
	slices.SortStableFunc(list, func(a, b ShopFile) int { return strings.Compare(a.Shop, b.Shop) })
	for i := range list {
		for j := range list {
			if i != j && list[i].Shop == list[j].Shop {
				list[i].Err = &Error{File: list[i].Path, Problems: []Problem{{Setting: "shop",
					Message: fmt.Sprintf("the shop %s is configured in %s too: a shop has one configuration, one folder and one lock", list[i].Shop, list[j].Path)}}}
			}
		}
	}
	return list, nil
}

// shopOf reads the name of the shop, empty where that cannot be told.
func shopOf(path string, env func(string) (string, bool)) (shop string, isShop bool) {
	data, err := readLimited(path)
	if err != nil {
		return "", true
	}
	root, problem := parseYAML(data)
	values, ok := entries(root)
	if problem != nil || !ok {
		return "", true
	}
	isShop = true
	for _, entry := range values {
		key, err := scalarText(entry.Key)
		switch {
		case err != nil:
		case key == "fleet" && shop == "":
			isShop = false
		case key == "shop":
			isShop = true
			shop = nameIn(entry.Value, expander{dir: filepath.Dir(path), env: env})
		}
	}
	return shop, isShop
}

// nameIn is a shop's name, or nothing where it is none.
func nameIn(node ast.Node, x expander) string {
	if unwritten(node) {
		return ""
	}
	text, err := scalarText(node)
	if err == nil {
		text, _, err = x.expand(text)
	}
	if err != nil || checkShop(text) != nil {
		return ""
	}
	return text
}
