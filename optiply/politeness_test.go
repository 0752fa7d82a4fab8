package optiply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

func TestPoliteness_ARefusalLowersWhatIsAsked(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Concurrency, c.RequestsPerSecond, c.RetryWait = 8, 200, time.Second })
		for range 5 {
			if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
				t.Fatal(err)
			}
		}
		before := a.Politeness()
		if before.Ceiling != 8 || before.PerSecond != 200 || before.Refused != 0 {
			t.Errorf("before a refusal: %+v", before)
		}
		a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.Answer, Status: status})
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err == nil {
			t.Fatal("the fault did not strike")
		}
		after := a.Politeness()
		if after.Refused != 1 || after.Throttled != 1 || after.PerSecond >= before.PerSecond || after.PerSecond < 1 || after.Concurrency > before.Concurrency {
			t.Errorf("after %d: %+v, before: %+v", status, after, before)
		}
	}
}

// A payload that is answered 500 for ever, and one that is refused as wrong, say nothing about the load.
func TestPoliteness_OtherErrorsLowerNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 500} {
		a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Concurrency = 8 })
		a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.Answer, Status: status})
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err == nil {
			t.Fatal("the fault did not strike")
		}
		if p := a.Politeness(); p.Throttled != 0 || p.PerSecond != 0 || p.InFlight != 0 {
			t.Errorf("after %d: %+v", status, p)
		}
	}
}

// What still waits for its turn when the caller stops was not sent, and what has left is waited for.
func TestUncut_EndsWhatWaitsAndNotWhatHasLeft(t *testing.T) {
	t.Parallel()
	a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Concurrency = 1 })
	if err := a.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	a.sandbox.AddFault(sandbox.Fault{Method: "POST", Effect: sandbox.Slow, Delay: 200 * time.Millisecond})
	waits := make(chan error, 1)
	go func() { // stops when one is on the wire and one waits
		for p := a.Politeness(); p.InFlight == 0 || p.Waiting == 0; p = a.Politeness() {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	go func() {
		for a.Politeness().InFlight == 0 {
			time.Sleep(time.Millisecond)
		}
		_, err := a.Create(optiply.Uncut(ctx), optiply.Products, raw(oakStool))
		waits <- err
	}()
	if _, err := a.Create(optiply.Uncut(ctx), optiply.Products, raw(oakStool)); err != nil {
		t.Errorf("what had left was cut off: %v", err)
	}
	err := <-waits
	if e, ok := errors.AsType[*optiply.Error](err); !ok || e.Sent || !errors.Is(err, context.Canceled) {
		t.Errorf("what waited for its turn: %v", err)
	}
	if n := len(a.sandbox.Products()); n != 1 {
		t.Errorf("%d products at Optiply, want 1", n)
	}
}
