package commands

import (
	"context"
	"os"
	"time"

	"golang.org/x/term"
)

// columns is how wide the terminal behind stderr is, 0 where there is none.
func columns() int {
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// System is the real outside world.
func System(version, commit string) Env {
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdinTerminal: term.IsTerminal(int(os.Stdin.Fd())), StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())), StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())), Width: columns(),
		LookupEnv: os.LookupEnv, ReadSecret: readSecret, Now: time.Now, Version: version, Commit: commit, Executable: executable, Resized: columns, Signals: &Signals{}, Exit: os.Exit,
	}
}

// readSecret reads a line of the terminal without showing it. When the context ends the terminal shows what is typed again, and
// the reading goes on until the process ends.
func readSecret(ctx context.Context) (string, error) {
	terminal := int(os.Stdin.Fd())
	state, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return string(l.text), l.err
	case <-ctx.Done():
		_ = term.Restore(terminal, state)
		return "", ctx.Err()
	}
}
