package commands

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestSignals_TheFirstStopsTheSecondEndsTheProcess(t *testing.T) {
	for _, first := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		s, codes, parted := &Signals{}, []int{}, 0
		ctx, stop := context.WithCancel(t.Context())
		s.parting = func() { parted++ }
		exit := func(code int) { codes = append(codes, code) }
		s.hear(first, stop, exit)
		if ctx.Err() == nil || len(codes) > 0 {
			t.Errorf("%v: %v, exit codes %v after the first", first, ctx.Err(), codes)
		}
		s.hear(os.Interrupt, stop, exit)
		if len(codes) != 1 || codes[0] != 130 || parted != 1 {
			t.Errorf("%v: exit codes %v after the second, %d last words", first, codes, parted)
		}
	}
}

func TestSignals_CtrlCEndsAQuestionAndNotThePrompt(t *testing.T) {
	s := &Signals{}
	ctx, stop := context.WithCancel(t.Context())
	exit := func(int) { t.Error("the process is ended") }
	for range 3 {
		question, done := s.asking(ctx)
		s.hear(os.Interrupt, stop, exit)
		if question.Err() == nil || ctx.Err() != nil {
			t.Errorf("question: %v, prompt: %v", question.Err(), ctx.Err())
		}
		done()
	}
	_, done := s.asking(ctx)
	defer done()
	if s.hear(syscall.SIGTERM, stop, exit); ctx.Err() == nil {
		t.Error("what systemd sends ends the question alone")
	}
}

// silentTypist types nothing, for ever.
type silentTypist struct{ typist }

func (*silentTypist) Prompt(string) (string, error) { select {} }

func TestPrompt_EndsWithTheProgramAlsoWhereNobodyTypes(t *testing.T) {
	env, _ := outside(80, true)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s := &session{app: &app{env: env}}
	if err := s.talk(ctx, &silentTypist{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := typed(ctx, &silentTypist{}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestInterrupted_IsSaidOfWhatItBroughtAlone(t *testing.T) {
	a := &app{keeps: keepsRun}
	ctx, stop := context.WithCancelCause(t.Context())
	other := errors.New("the disk is full")
	if err := a.orInterrupted(ctx, context.Canceled); exitCode(err) != exitFailed {
		t.Errorf("%v, although nothing was interrupted", err)
	}
	stop(errLeashEnded)
	for _, err := range []error{context.Canceled, usageError(context.Canceled), errLeashEnded, errors.New("INTERRUPT Error: Interrupted!")} {
		got := a.orInterrupted(ctx, err)
		if exitCode(got) != exitInterrupted || !strings.Contains(got.Error(), errLeashEnded.Error()+"; "+keepsRun) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := a.orInterrupted(ctx, other); !errors.Is(got, other) {
		t.Errorf("another error became %v", got)
	}
}
