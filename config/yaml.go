package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What the configuration uses of YAML is mappings, lists and scalars. Values are
// taken as the text that was written, never by YAML's own guess at their type, so
// that a password 0123 or a store id 1e5 stays what it is.

// parseYAML gives the mapping at the top of a document, nil for an empty one.
func parseYAML(data []byte) (root ast.Node, problem *Problem) {
	defer func() {
		// The parser is not ours, and what it was given is: a panic of it is a
		// file that cannot be read.
		if recover() != nil {
			root, problem = nil, &Problem{Message: "this cannot be read as YAML"}
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	// Duplicate keys are found by the reader, together with other problems.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxProblem(err)
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			p := at(doc.Body, "", "a configuration is one YAML document; this is the second")
			return nil, &p
		}
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil
	}
	switch body := file.Docs[0].Body.(type) {
	case *ast.CommentGroupNode, *ast.NullNode:
		return nil, nil
	default:
		return body, nil
	}
}

// quotedText is what a message of the parser repeats of the file.
var quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// syntaxProblem keeps the place and the message of a parser's error, and not the
// lines around it, which may hold a secret.
func syntaxProblem(err error) *Problem {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return &Problem{Message: "this cannot be read as YAML"}
	}
	p := Problem{Message: "this is not YAML: " + quotedText.ReplaceAllString(syntax.GetMessage(), "...")}
	p.Line, p.Column = place(syntax.GetToken())
	return &p
}

func at(node ast.Node, setting, message string) Problem {
	p := Problem{Setting: setting, Message: message}
	p.Line, p.Column = place(node.GetToken())
	return p
}

func place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

// entries gives the keys and values of a mapping.
func entries(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// scalarText gives the text of a single value as it was written, without quotes.
func scalarText(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.DirectiveNode:
		return "", fmt.Errorf("uses an %s of YAML, which has no meaning here; write the value itself", kind(node))
	default:
		return "", errors.New("must be a single value")
	}
}

func kind(node ast.Node) string {
	switch node.(type) {
	case *ast.AnchorNode:
		return "anchor (&)"
	case *ast.AliasNode, *ast.MergeKeyNode:
		return "alias (*)"
	default:
		return "explicit tag (!)"
	}
}

// unwritten tells whether a key has no value: the setting keeps its default.
func unwritten(node ast.Node) bool {
	if node == nil {
		return true
	}
	_, null := node.(*ast.NullNode)
	return null
}
