package commands

import (
	"os"
	"time"

	"golang.org/x/term"
)

// System is the real outside world.
func System(version string) Env {
	width, _, err := term.GetSize(int(os.Stderr.Fd()))
	if err != nil {
		width = 0
	}
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())), StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())), Width: width,
		LookupEnv: os.LookupEnv, Now: time.Now, Version: version, Executable: executable,
	}
}
