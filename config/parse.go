package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Options are what a configuration is read with.
type Options struct {
	// Env looks up environment variables for ${NAME}; nil knows none.
	Env func(name string) (value string, ok bool)
	// NoMagento says that the shop will not be asked (it is a fixture set, or the
	// command only looks at what is there): store_url, the sign-in and the
	// variables they name may then be missing.
	NoMagento bool
	// NoOptiply says the same of Optiply's account.
	NoOptiply bool
	// Fleet says that the file is read for its section fleet: it needs no shop, and must name a database.
	Fleet bool
	// Files are the contents of ${file:PATH} that are not written yet, by path as
	// it stands there.
	Files map[string]string
}

// Load reads the configuration file at path. Every error is an [*Error]; one for
// a file that is not there also is fs.ErrNotExist.
func Load(path string, options Options) (*Config, error) {
	data, err := readLimited(path)
	if err != nil {
		message := fmt.Sprintf("cannot read the configuration: %v", cause(err))
		if errors.Is(err, fs.ErrNotExist) {
			message = "there is no such configuration file"
		}
		return nil, &Error{File: path, Err: err, Problems: []Problem{{Message: message}}}
	}
	return Parse(data, path, options)
}

// Parse reads a configuration. The name stands in errors, and its folder is what
// ${file:PATH} is relative to. Every error is an [*Error] with all problems that
// could be found at once.
func Parse(data []byte, name string, options Options) (*Config, error) {
	c := Default()
	r := newReader(c, expander{dir: filepath.Dir(name), env: options.Env, files: options.Files})
	if root, problem := parseYAML(data); problem != nil {
		r.problems = []Problem{*problem}
	} else {
		r.document(root)
		r.forgive(func(setting string) bool { return needless(c, setting, options) })
		r.validate(c, options)
	}
	if len(r.problems) > 0 {
		sortProblems(r.problems)
		return nil, &Error{File: name, Problems: r.problems}
	}
	return c, nil
}
