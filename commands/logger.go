package commands

import (
	"log/slog"

	"github.com/lmittmann/tint"
)

// textLogger writes log lines for people. Env.Stderr is a screen, which keeps them clear of the progress bar.
func textLogger(env Env, level slog.Level) *slog.Logger {
	return slog.New(tint.NewTextHandler(env.Stderr, &tint.Options{
		Level:      level,
		TimeFormat: "15:04:05",
		NoColor:    !colourful(env),
	}))
}

// colourful tells whether stderr shows colours: a terminal that can, whose owner has not said no (https://no-color.org).
func colourful(env Env) bool { return env.StderrTerminal && !dumb(env) && !noColour(env) }

func noColour(env Env) bool {
	value, _ := env.LookupEnv("NO_COLOR")
	return value != ""
}

// dumb is a terminal that shows the codes by which a line is drawn again as rubbish.
func dumb(env Env) bool {
	term, _ := env.LookupEnv("TERM")
	return term == "dumb"
}
