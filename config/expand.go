package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxFile is the most that is read of the configuration or of a ${file:...}: a
// secret is short, and a wrong path may name a device that never ends.
const maxFile = 1 << 20

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// unsetError is a variable or file that is not there, which is forgiven where
// nobody needs the setting.
type unsetError struct{ name, text string }

func (e *unsetError) Error() string { return e.text }

// expander puts environment variables and files into scalar values.
type expander struct {
	dir string // what relative file paths are relative to
	env func(string) (string, bool)
	// files are not written yet
	files map[string]string
}

// expand replaces each ${NAME} and ${file:PATH} of a value; $${ stands for the
// two characters ${ themselves. What was put in is not looked at again, and the
// YAML has been parsed before, so a value can hold anything. changed tells
// whether there was anything to replace. An error reads on after the name of the
// setting: "needs the environment variable X, which is not set".
func (x expander) expand(text string) (out string, changed bool, err error) {
	var b strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			b.WriteString(text)
			return b.String(), changed, nil
		}
		if start > 0 && text[start-1] == '$' {
			b.WriteString(text[:start-1] + "${")
			text = text[start+2:]
			continue
		}
		b.WriteString(text[:start])
		name, rest, closed := strings.Cut(text[start+2:], "}")
		if !closed {
			return "", changed, errReference
		}
		value, err := x.lookup(name)
		if err != nil {
			return "", true, err
		}
		b.WriteString(value)
		text, changed = rest, true
	}
}

// errReference does not repeat the text, which may be part of a password.
var errReference = errors.New("has a ${ that begins neither ${NAME} nor ${file:PATH}; write $${ for the characters themselves")

func (x expander) lookup(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok && path != "" {
		return x.readFile(path)
	}
	if !variableName.MatchString(name) {
		return "", errReference
	}
	if x.env != nil {
		if value, ok := x.env(name); ok {
			return value, nil
		}
	}
	return "", &unsetError{name, fmt.Sprintf("needs the environment variable %s, which is not set", name)}
}

func (x expander) readFile(path string) (string, error) {
	if text, ok := x.files[path]; ok {
		return text, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.dir, path)
	}
	data, err := readLimited(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &unsetError{"file:" + path, fmt.Sprintf("needs the file %s, which does not exist", path)}
	}
	if err != nil {
		return "", fmt.Errorf("needs the file %s: %w", path, cause(err))
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// readLimited reads a whole file of at most maxFile bytes.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return data, nil
}

// cause drops the operation and path of a file error, for a sentence that has
// named the file already.
func cause(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
