package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// output is where data goes: stdout, or a file that is there whole or not at all.
type output struct {
	io.Writer
	path  string       // empty for stdout
	file  *os.File     // the file under its temporary name; nil for stdout
	pager *pagedOutput // of stdout; nil where it is written to directly
}

// openOutput opens --output, stdout where path is empty.
func (a *app) openOutput(path string) (*output, error) {
	if path == "" {
		// A pipe that is closed at its other end is then an error of a write, not the end of the process.
		signal.Ignore(syscall.SIGPIPE)
		return &output{Writer: a.env.Stdout}, nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, usageError(fmt.Errorf("--output %s: that is a folder", path))
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, usageError(fmt.Errorf("--output %s: %w", path, errors.Unwrap(err)))
	}
	return &output{Writer: file, path: path, file: file}, nil
}

// openPaged is openOutput with the pager for what a person looks at on a terminal.
func (a *app) openPaged(path string) (*output, error) {
	out, err := a.openOutput(path)
	if err == nil && out.file == nil && a.pager() != "" {
		out.pager = a.openPager()
		out.Writer = out.pager
	}
	return out, err
}

// close puts a file in its place where err is nil, and takes it away otherwise. A reader of stdout that went away, as
// `| head` does, is no error.
func (o *output) close(err error) error {
	if o.pager != nil {
		err = o.pager.close(err)
	}
	if o.file == nil {
		if errors.Is(err, syscall.EPIPE) {
			return nil
		}
		return err
	}
	if err == nil {
		err = errors.Join(o.file.Chmod(0o644), o.file.Sync())
	}
	err = errors.Join(err, o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		_ = os.Remove(o.file.Name())
	}
	return err
}

// checkFormat refuses a format that a command does not have, and parquet on a terminal.
func (a *app) checkFormat(format, output string, known ...string) error {
	if !slices.Contains(known, format) {
		last := len(known) - 1
		return usageError(fmt.Errorf("--format %s: it is %s or %s", format, strings.Join(known[:last], ", "), known[last]))
	}
	if format == "parquet" && output == "" && a.env.StdoutTerminal {
		return usageError(errors.New("--format parquet: a terminal cannot show it; name a file with --output"))
	}
	return nil
}

// trailingOptions takes options that stand behind an argument, where the parser takes everything for arguments, and returns
// the arguments.
func (a *app) trailingOptions(c *cli.Context) (args []string, err error) {
	list, found := c.Args().Slice(), false
	for i := 0; i < len(list); i++ {
		if i == 0 || !strings.HasPrefix(list[i], "-") || len(list[i]) < 2 {
			args = append(args, list[i])
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(list[i], "-"), "=")
		if !given && isSwitch(c, name) {
			value, given = "true", true
		}
		if !given && i+1 < len(list) {
			i++
			value, given = list[i], true
		}
		if !given {
			return nil, usageError(fmt.Errorf("option --%s needs a value", name))
		}
		if err := c.Set(name, value); err != nil {
			return nil, usageError(fmt.Errorf("option --%s %s: %w", name, value, err))
		}
		found = true
	}
	if found {
		err = a.before(c) // a global option may be among them
	}
	return args, err
}

// isSwitch tells whether an option takes no value.
func isSwitch(c *cli.Context, name string) bool {
	return slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool {
		_, ok := f.(*cli.BoolFlag)
		return ok && slices.Contains(f.Names(), name)
	})
}
